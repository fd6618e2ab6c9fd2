import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { secondsOf } from '../../cli/duration.js';
import {
  argument,
  callOptions,
  idempotencyFlag,
  invitationTtlFlag,
  rolesFlag,
} from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { describeInvited } from '../../cli/member-view.js';

export default class MemberAdd extends BaseCommand {
  static override summary =
    'Add a member, and print the invitation with which they set a password.';
  static override description =
    'The invitation is printed this once, alone on standard output, and kept nowhere. Whoever has it becomes that member, once: hand it over as you would a password.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> ana',
    '<%= config.bin %> <%= command.id %> ben --role node_manager --role operator --invitation-ttl 2d',
    '<%= config.bin %> <%= command.id %> ci --role viewer --description "build pipeline" --json',
  ];
  static override args = { name: argument('Name of the new member, a DNS label.') };
  static override flags = {
    ...rolesFlag,
    description: Flags.string({ summary: 'A line about the member.' }),
    ...invitationTtlFlag,
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(MemberAdd);
    const added = await this.client(flags).call(
      'members.create',
      given({
        name: args.name,
        roles: flags.role,
        description: flags.description,
        invitationTtlSeconds: secondsOf(flags['invitation-ttl'], 'invitation-ttl'),
      }),
      callOptions(flags),
    );
    this.secret(describeInvited(added), 'invitation', added.invitation?.secret);
    return added;
  }
}
