import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { given } from '../../cli/given.js';
import { memberColumns } from '../../cli/member-view.js';
import { allPages, PAGE_LIMIT } from '../../cli/pages.js';
import { table } from '../../cli/table.js';

export default class MemberList extends BaseCommand {
  static override summary = 'List the members.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --role node_manager --status active --json',
  ];
  static override flags = {
    status: Flags.option({
      summary: 'Only those with this status.',
      options: ['invited', 'active', 'disabled', 'removed'] as const,
    })(),
    role: Flags.string({ summary: 'Only those with this role.', helpValue: '<role>' }),
    removed: Flags.boolean({ summary: 'Also those that were removed.' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(MemberList);
    const client = this.client(flags);
    const { status, role } = flags;
    const asked = given({ status, role, removed: flags.removed || undefined });
    const members = await allPages(
      (cursor) => client.call('members.list', { ...asked, ...cursor, limit: PAGE_LIMIT }),
      (page) => page.members,
    );
    this.log('%s', await table(memberColumns, members));
    return { members };
  }
}
