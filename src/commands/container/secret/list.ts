import { BaseCommand } from '../../../cli/base-command.js';
import { secretColumns } from '../../../cli/secret-view.js';
import { table } from '../../../cli/table.js';

export default class ContainerSecretList extends BaseCommand {
  static override summary = 'List your secrets, and which containers use them.';
  static override description = 'What they are is shown to nobody.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(ContainerSecretList);
    const { secrets } = await this.client(flags).call('secrets.list', {});
    this.log('%s', await table(secretColumns, secrets));
    return { secrets };
  }
}
