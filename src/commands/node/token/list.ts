import { Flags } from '@oclif/core';

import { BaseCommand } from '../../../cli/base-command.js';
import { given } from '../../../cli/given.js';
import { nodeTokenColumns } from '../../../cli/node-token-view.js';
import { allPages, PAGE_LIMIT } from '../../../cli/pages.js';
import { table } from '../../../cli/table.js';

export default class NodeTokenList extends BaseCommand {
  static override summary = 'List the tokens that machines join with, without their secrets.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --all --json',
  ];
  static override flags = {
    all: Flags.boolean({ summary: 'Also those that were used, revoked or have expired.' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(NodeTokenList);
    const client = this.client(flags);
    const asked = given({ all: flags.all || undefined });
    const nodeTokens = await allPages(
      (cursor) => client.call('nodeTokens.list', { ...asked, ...cursor, limit: PAGE_LIMIT }),
      (page) => page.nodeTokens,
    );
    this.log('%s', await table(nodeTokenColumns, nodeTokens));
    return { nodeTokens };
  }
}
