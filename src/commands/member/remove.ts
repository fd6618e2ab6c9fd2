import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { confirm } from '../../cli/confirm.js';
import { callOptions, idempotencyFlag, memberArgument, yesFlag } from '../../cli/flags.js';
import { given } from '../../cli/given.js';

export default class MemberRemove extends BaseCommand {
  static override summary = 'Remove a member.';
  static override description =
    'Its sessions and tokens end, and its name is free again; what it did stays in the history. A member that owns nodes or containers is removed only with somebody to take them over; its secrets go with the containers that use them, and the others are removed. To keep somebody out for a while, use `member update --disable`.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> ben',
    '<%= config.bin %> <%= command.id %> ben --transfer-to ana --yes --json',
  ];
  static override args = memberArgument;
  static override flags = {
    'transfer-to': Flags.string({
      summary: 'Member that takes over its nodes and its containers.',
      helpValue: '<member>',
    }),
    ...yesFlag,
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(MemberRemove);
    const client = this.client(flags);
    const { id, name, roles } = await client.call('members.get', args);
    await confirm({
      message: `Remove member ${name} (${roles.join(', ')}, ${id})? Its sessions and tokens end; its history stays.`,
      yes: flags.yes,
      json: this.jsonEnabled(),
    });
    const removed = await client.call(
      'members.delete',
      given({ member: id, transferTo: flags['transfer-to'] }),
      callOptions(flags),
    );
    this.log('Removed member %s.', name);
    if (removed.transferredNodes > 0) {
      this.log('%d node(s) belong to %s now.', removed.transferredNodes, flags['transfer-to']);
    }
    return removed;
  }
}
