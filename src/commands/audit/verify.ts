import { Flags } from '@oclif/core';

import { describeVerdict, parseHead } from '../../cli/audit-view.js';
import { BaseCommand } from '../../cli/base-command.js';
import { timeoutFlag } from '../../cli/flags.js';
import { parseDuration } from '../../cli/duration.js';

const DEFAULT_TIMEOUT_MS = 10 * 60_000;

export default class AuditVerify extends BaseCommand {
  static override summary = 'Verify that no entry of the audit log was changed or taken out.';
  static override description =
    'Ends with status 1 when one was. Note the head that it prints somewhere else, and give it the next time: then it is also seen when all of the log was written anew.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --expect 4711:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --json',
  ];
  static override flags = {
    expect: Flags.string({
      summary: 'Head that was noted earlier, as <seq>:<hash>.',
      helpValue: '<head>',
    }),
    ...timeoutFlag,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(AuditVerify);
    const verdict = await this.client(flags).call(
      'audit.verify',
      flags.expect === undefined ? {} : parseHead(flags.expect),
      {
        timeoutMs:
          flags.timeout === undefined
            ? DEFAULT_TIMEOUT_MS
            : parseDuration(flags.timeout, 'timeout'),
      },
    );
    this.log('%s', describeVerdict(verdict));
    if (!verdict.ok) process.exitCode = 1;
    return { verdict };
  }
}
