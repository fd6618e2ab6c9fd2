import { BaseCommand } from '../../cli/base-command.js';
import { roleArgument } from '../../cli/flags.js';
import { describeRole } from '../../cli/role-view.js';

export default class RoleShow extends BaseCommand {
  static override summary = 'Show one role, and what it allows.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node_manager',
    '<%= config.bin %> <%= command.id %> admin --json',
  ];
  static override args = roleArgument;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RoleShow);
    const role = await this.client(flags).call('roles.get', args);
    this.log('%s', describeRole(role));
    return { role };
  }
}
