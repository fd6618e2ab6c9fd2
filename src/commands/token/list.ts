import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { given } from '../../cli/given.js';
import { allPages, PAGE_LIMIT } from '../../cli/pages.js';
import { table } from '../../cli/table.js';
import { tokenColumns } from '../../cli/token-view.js';

export default class TokenList extends BaseCommand {
  static override summary = 'List access tokens, without their secrets.';
  static override description = 'One’s own, or with the right to it those of another member.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --member ana --all --json',
  ];
  static override flags = {
    member: Flags.string({ summary: 'Those of this member.', helpValue: '<member>' }),
    all: Flags.boolean({ summary: 'Also those that were revoked or have expired.' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(TokenList);
    const client = this.client(flags);
    const asked = given({ member: flags.member, all: flags.all || undefined });
    const tokens = await allPages(
      (cursor) => client.call('tokens.list', { ...asked, ...cursor, limit: PAGE_LIMIT }),
      (page) => page.tokens,
    );
    this.log('%s', await table(tokenColumns, tokens));
    return { tokens };
  }
}
