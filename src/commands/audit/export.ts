import { Flags } from '@oclif/core';

import { requireWhole } from '../../cli/audit-view.js';
import { BaseCommand } from '../../cli/base-command.js';

export default class AuditExport extends BaseCommand {
  static override summary = 'Print every entry of the audit log as it was hashed, one a line.';
  static override description =
    'Each line is JSON: `hash` is the SHA-256 over the bytes of `previousHash` and the text `<seq>:<entry>`, so that the chain can be verified without the daemon. To go on later, give the number after the last one.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> > audit.ndjson',
    '<%= config.bin %> <%= command.id %> --from-seq 4712 --json >> audit.ndjson',
  ];
  static override flags = {
    'from-seq': Flags.integer({
      summary: 'Number of the first entry.',
      helpValue: '<seq>',
      default: 1,
      min: 1,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(AuditExport);
    let reason = 'broken';
    let next = flags['from-seq'];
    const records = this.client(flags).stream(
      'audit.export',
      { fromSeq: next },
      { onEnd: (end) => ({ reason } = end) },
    );
    for await (const record of records) {
      this.line({ record });
      next = record.seq + 1;
    }
    requireWhole(reason, next);
    if (!this.jsonEnabled()) this.note(`Exported up to ${next - 1}.`);
  }
}
