import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { nodeArgument } from '../../cli/flags.js';
import { atLeast, logLevels, parseLogLine, showLogLine } from '../../cli/log-lines.js';

export default class NodeLogs extends BaseCommand {
  static override summary = 'Show the log of the agent of a node.';
  static override description =
    'Of the agent’s own log, and of nothing else on a member’s machine. The node has to be connected. --json prints one object a line; where lines were too many to be sent, one says how many are missing.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01 --lines 20',
    '<%= config.bin %> <%= command.id %> node-01 --follow --level warn',
  ];
  static override args = nodeArgument;
  static override flags = {
    unit: Flags.option({ summary: 'Whose log.', options: ['agent'] as const })({
      default: 'agent',
    }),
    lines: Flags.integer({
      summary: 'How many of the last lines.',
      default: 100,
      min: 0,
      max: 1_000,
      helpValue: '<count>',
    }),
    follow: Flags.boolean({ char: 'f', summary: 'Go on with new lines until Ctrl-C.' }),
    level: Flags.option({ summary: 'Leave out what is less.', options: logLevels })({
      default: 'trace',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(NodeLogs);
    const { unit, lines, follow } = flags;
    if (follow) this.untilInterrupted();
    const input = { node: args.node, unit, lines, follow };
    for await (const entry of this.client(flags).stream('nodes.logs', input)) {
      if ('dropped' in entry) this.#missing(entry.dropped);
      else this.#print(entry.line, flags.level);
    }
  }

  #print(text: string, level: (typeof logLevels)[number]): void {
    const line = parseLogLine(text);
    if (!atLeast(line, level)) return;
    if (this.jsonEnabled()) this.line({ line });
    else this.log('%s', showLogLine(line));
  }

  #missing(dropped: number): void {
    if (this.jsonEnabled()) this.line({ dropped });
    else this.note(`${dropped} lines are missing here.`);
  }
}
