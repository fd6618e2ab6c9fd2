import { BaseCommand } from '../../cli/base-command.js';
import { callOptions, idempotencyFlag, roleArgument } from '../../cli/flags.js';

export default class RoleRemove extends BaseCommand {
  static override summary = 'Remove a role that no member has.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> auditor',
    '<%= config.bin %> <%= command.id %> auditor --json',
  ];
  static override args = roleArgument;
  static override flags = idempotencyFlag;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RoleRemove);
    const role = await this.client(flags).call('roles.delete', args, callOptions(flags));
    this.log('Removed role %s.', role.name);
    return { role };
  }
}
