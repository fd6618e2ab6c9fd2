import type { SyntropyClient } from '../../src/client/client.js';
import type { OperationInput, OperationOutput } from '../../src/contract/registry.js';

type LogItem = OperationOutput<'containers.logs'>;

/** What a program says. */
export const lines = (count: number, word = 'line') =>
  Array.from({ length: count }, (_, n) => ({ stream: 'stdout' as const, text: `${word} ${n}` }));

/** Texts of a log, until it ends or there are so many. */
export async function readLog(
  client: SyntropyClient,
  input: OperationInput<'containers.logs'>,
  {
    most = Infinity,
    onText,
    onMissing,
  }: { most?: number; onText?: (count: number) => void; onMissing?: () => void } = {},
) {
  const texts: string[] = [];
  const missing: LogItem[] = [];
  for await (const item of client.stream('containers.logs', input)) {
    if ('missing' in item) {
      missing.push(item);
      onMissing?.();
    } else {
      for (const { text } of item.lines) texts.push(text);
    }
    onText?.(texts.length);
    if (texts.length >= most) break;
  }
  return { texts, missing };
}

/** Runs a command, with what is to be done when it has begun, and when it has said something. */
export async function runCommand(
  client: SyntropyClient,
  input: OperationInput<'containers.exec'>,
  { onSession }: { onSession?: (session: string) => unknown } = {},
) {
  let said = '';
  let exitCode: number | undefined;
  for await (const item of client.stream('containers.exec', input)) {
    if ('session' in item) void onSession?.(item.session);
    else if ('exitCode' in item) exitCode = item.exitCode;
    else said += Buffer.from(item.base64, 'base64').toString();
  }
  return { said, exitCode };
}

/** Commands of a replica. */
export const shell = { programs: { cat: { echoes: true }, sleep: {} } };

/** Whatever comes, until it ends. */
export async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** As it goes over the wire. */
export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
