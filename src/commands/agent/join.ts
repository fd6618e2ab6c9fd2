import { Flags } from '@oclif/core';

import { askAgent } from '../../cli/agent-process.js';
import { MachineCommand } from '../../cli/machine-command.js';
import { parseDuration } from '../../cli/duration.js';
import { argument, timeoutFlag } from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { nodeRefIn } from '../../cli/agent-view.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { textUpTo } from '../../core/utils/text-up-to.js';

const TIMEOUT_MS = 60_000;
const MAX_STDIN_BYTES = 65_536;

export default class AgentJoin extends MachineCommand {
  static override summary = 'Make this machine a node of a grid.';
  static override description =
    'The token comes from `syntropy node token create`. Then run the agent: `syntropy agent run`, or `syntropy agent install` for a service. The token is spent by it; a second try of the same machine is not a second use. With a token that has no address, a daemon of its grid is looked for on this network, for ten seconds.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> syntropy-join-1.WyJ…',
    'syntropy node token create | ssh attic <%= config.bin %> <%= command.id %> -',
    '<%= config.bin %> <%= command.id %> - --name node-02 --json < token.txt',
  ];
  static override args = {
    token: argument('The token, or - to read it from standard input, where nobody else sees it.'),
  };
  static override flags = {
    name: Flags.string({
      summary: 'Name of the node [default: the name of this machine].',
      helpValue: '<name>',
    }),
    url: Flags.string({
      summary: 'Where the daemon is, if the token does not say or the address has changed.',
      helpValue: '<url>',
    }),
    ...timeoutFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(AgentJoin);
    const { stateDir } = this.paths(flags);
    const answer = await askAgent({
      installation: this.installation,
      stateDir,
      verb: 'join',
      input: given({ token: await tokenOf(args.token), name: flags.name, url: flags.url }),
      timeoutMs: flags.timeout === undefined ? TIMEOUT_MS : parseDuration(flags.timeout, 'timeout'),
    });
    const node = nodeRefIn(answer['node']);
    const approval = String(answer['approval']);
    this.log('This machine is node %s (%s).', node.name, node.id);
    this.note(
      approval === 'pending'
        ? `It waits for somebody to let it in: syntropy node approve ${node.name}`
        : `Run its agent with: syntropy agent run${placeOf(flags['state-dir'])}`,
    );
    return { agent: { node, url: String(answer['url']), approval } };
  }
}

/** The flag for a shell, where a directory was given. The one of the environment is there for the next command too. */
function placeOf(stateDir: string | undefined): string {
  if (!stateDir || stateDir === process.env['SYNTROPY_STATE_DIR']) return '';
  const isPlain = /^[\w./-]+$/.test(stateDir);
  return ` --state-dir ${isPlain ? stateDir : `'${stateDir.replaceAll("'", `'\\''`)}'`}`;
}

async function tokenOf(typed: string): Promise<string> {
  if (typed !== '-') return typed;
  if (process.stdin.isTTY) {
    throw new AppError('USAGE_INVALID', 'Nothing is piped in: give the token, or pipe it.');
  }
  const piped = await textUpTo(process.stdin, MAX_STDIN_BYTES);
  if (piped !== undefined) return piped.trim();
  throw new AppError('JOIN_TOKEN_INVALID', 'What is piped in is far longer than a join token.');
}
