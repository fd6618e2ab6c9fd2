import { Flags } from '@oclif/core';

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
    const records = this.client(flags).stream('audit.export', { fromSeq: flags['from-seq'] });
    let count = 0;
    for await (const record of records) {
      this.line({ record });
      count += 1;
    }
    if (!this.jsonEnabled()) this.note(`${count} entries.`);
  }
}
