import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { followLines, lastLines } from '../../cli/log-file.js';
import { atLeast, logLevels, parseLogLine, showLogLine } from '../../cli/log-lines.js';

export default class DaemonLogs extends BaseCommand {
  static override summary = 'Show the log of the daemon.';
  static override description =
    'Reads the file in the state directory, so it works when the daemon does not. --json prints one object a line.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --lines 20',
    '<%= config.bin %> <%= command.id %> --follow --level warn',
  ];
  static override flags = {
    lines: Flags.integer({
      summary: 'How many of the last lines.',
      default: 100,
      min: 0,
      max: 100_000,
      helpValue: '<count>',
    }),
    follow: Flags.boolean({ char: 'f', summary: 'Go on with new lines until Ctrl-C.' }),
    level: Flags.option({ summary: 'Leave out what is less.', options: logLevels })({
      default: 'trace',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonLogs);
    const { logFile } = this.localPaths(flags);
    const print = (text: string) => {
      const line = parseLogLine(text);
      if (!atLeast(line, flags.level)) return;
      if (this.jsonEnabled()) this.line({ line });
      else this.log('%s', showLogLine(line));
    };
    if (flags.follow) this.untilInterrupted();
    for (const text of await lastLines(logFile, flags.lines)) print(text);
    if (!flags.follow) return;
    for await (const text of followLines(logFile, new AbortController().signal)) print(text);
  }
}
