import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { secondsOf } from '../../cli/duration.js';
import {
  callOptions,
  idempotencyFlag,
  ifVersionFlag,
  invitationTtlFlag,
  memberArgument,
  rolesFlag,
} from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { describeInvited, describeMember } from '../../cli/member-view.js';

export default class MemberUpdate extends BaseCommand {
  static override summary = 'Change a member, or invite it again.';
  static override description =
    'What is changed holds at once, for every session and token of the member. --role names all roles that it has from now on. --invite replaces a lost password: the new invitation is printed this once, alone on standard output.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> ana --role member --role operator',
    '<%= config.bin %> <%= command.id %> ben --disable',
    '<%= config.bin %> <%= command.id %> ana --invite --invitation-ttl 1h',
    '<%= config.bin %> <%= command.id %> ana --description "moved to the attic" --if-version 3 --json',
  ];
  static override args = memberArgument;
  static override flags = {
    name: Flags.string({ summary: 'New name, a DNS label.', helpValue: '<name>' }),
    ...rolesFlag,
    description: Flags.string({ summary: 'New description; empty removes it.' }),
    disable: Flags.boolean({
      summary: 'Let it in no more; its nodes stay.',
      exclusive: ['enable'],
    }),
    enable: Flags.boolean({ summary: 'Let it in again.' }),
    invite: Flags.boolean({ summary: 'Make a new invitation.' }),
    ...invitationTtlFlag,
    ...ifVersionFlag,
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(MemberUpdate);
    const disabled = flags.enable ? false : flags.disable || undefined;
    const updated = await this.client(flags).call(
      'members.update',
      given({
        member: args.member,
        name: flags.name,
        roles: flags.role,
        description: flags.description,
        disabled,
        invite: flags.invite || undefined,
        invitationTtlSeconds: secondsOf(flags['invitation-ttl'], 'invitation-ttl'),
        ifVersion: flags['if-version'],
      }),
      callOptions(flags),
    );
    if (flags.invite) {
      this.secret(describeInvited(updated), 'invitation', updated.invitation?.secret);
    } else this.log('%s', describeMember(updated.member));
    return updated;
  }
}
