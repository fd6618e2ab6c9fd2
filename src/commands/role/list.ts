import { BaseCommand } from '../../cli/base-command.js';
import { roleColumns } from '../../cli/role-view.js';
import { table } from '../../cli/table.js';

export default class RoleList extends BaseCommand {
  static override summary = 'List the roles: the built-in ones, then those of this grid.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(RoleList);
    const { roles } = await this.client(flags).call('roles.list', {});
    this.log('%s', await table(roleColumns, roles));
    return { roles };
  }
}
