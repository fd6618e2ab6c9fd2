import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { callOptions, idempotencyFlag, roleArgument } from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { describeRole } from '../../cli/role-view.js';

export default class RoleSet extends BaseCommand {
  static override summary = 'Make a role, or replace what it allows.';
  static override description =
    'It holds at once for everyone who has the role. Built-in roles stay as they are, and nobody gives a role what they do not have themselves.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> auditor --permission audit:read --permission self:read',
    '<%= config.bin %> <%= command.id %> auditor --permission audit:read --summary "Reads the log." --json',
  ];
  static override args = roleArgument;
  static override flags = {
    permission: Flags.string({
      summary: 'What it allows, such as nodes:read. May be repeated; these are all.',
      helpValue: '<permission>',
      required: true,
      multiple: true,
      multipleNonGreedy: true,
    }),
    summary: Flags.string({ summary: 'A line about the role.' }),
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RoleSet);
    const { permission: permissions, summary } = flags;
    const role = await this.client(flags).call(
      'roles.set',
      given({ role: args.role, permissions, summary }),
      callOptions(flags),
    );
    this.log('%s', describeRole(role));
    return { role };
  }
}
