import type { SyntropyClient } from '../client/client.js';

import { errorCode } from '../core/types/errors/error-code.js';
import { allPages, PAGE_LIMIT } from './pages.js';

interface Paid {
  readonly payFrom?: string;
}

/**
 * Does something that a node pays for. Where the daemon cannot tell which, a person at a terminal is asked, among the nodes of their own.
 * @param mayAsk - false under --json and with an idempotency key, whose request must stay the same.
 * @throws {AppError} as `work`; PAYER_REQUIRED where nobody can be asked.
 */
export async function withPayer<Input extends Paid, T>(
  client: SyntropyClient,
  input: Input,
  work: (input: Input) => Promise<T>,
  mayAsk: boolean,
): Promise<T> {
  try {
    return await work(input);
  } catch (error) {
    const isAskable = mayAsk && process.stdin.isTTY && process.stdout.isTTY;
    if (errorCode(error) !== 'PAYER_REQUIRED' || input.payFrom !== undefined || !isAskable) {
      throw error;
    }
    const names = await ownNodes(client);
    if (names.length === 0) throw error;
    return work({ ...input, payFrom: await chosen(names) });
  }
}

async function ownNodes(client: SyntropyClient): Promise<readonly string[]> {
  const { member } = await client.call('sessions.get', {});
  const nodes = await allPages(
    (cursor) => client.call('nodes.list', { ...cursor, limit: PAGE_LIMIT }),
    (page) => page.nodes,
  );
  return nodes.filter(({ owner }) => owner.id === member.id).map(({ name }) => name);
}

async function chosen(names: readonly string[]): Promise<string> {
  const { default: inquirer } = await import('inquirer');
  const { node } = await inquirer.prompt<{ node: string }>([
    { type: 'select', name: 'node', message: 'Which of your nodes pays?', choices: [...names] },
  ]);
  return node;
}
