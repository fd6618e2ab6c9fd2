import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { changes } from '../../cli/changes.js';
import { chosenColumns, filtered, sorted } from '../../cli/node-rows.js';
import { nodeStatuses } from '../../cli/node-statuses.js';
import { allPages, PAGE_LIMIT } from '../../cli/pages.js';
import { table } from '../../cli/table.js';

export default class NodeList extends BaseCommand {
  static override summary = 'List the nodes.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --status failed',
    '<%= config.bin %> <%= command.id %> --label site=attic --sort -since --columns name,status,since',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = {
    status: Flags.option({ summary: 'Only those with this status.', options: nodeStatuses })(),
    label: Flags.string({
      summary: 'Only those with this label, key or key=value.',
      helpValue: '<label>',
    }),
    filter: Flags.string({
      summary: 'Only where a column contains a text, as column=text.',
      helpValue: '<filter>',
      multiple: true,
      multipleNonGreedy: true,
    }),
    sort: Flags.string({
      summary: 'Column to sort by; -column for downwards.',
      default: 'name',
      helpValue: '<column>',
    }),
    columns: Flags.string({ summary: 'Columns to show, comma separated.', helpValue: '<names>' }),
    retired: Flags.boolean({ summary: 'Also those that were retired.' }),
    watch: Flags.boolean({
      char: 'w',
      summary: 'Show the list again after every change, until Ctrl-C.',
    }),
  };

  async run(): Promise<object | void> {
    const { flags } = await this.parse(NodeList);
    const client = this.client(flags);
    const columns = chosenColumns(flags.columns);
    const read = async () => {
      const { status, label, retired } = flags;
      const asked = {
        ...(status && { status }),
        ...(label && { label }),
        ...(retired && { retired }),
      };
      const nodes = await allPages(
        (cursor) => client.call('nodes.list', { ...asked, ...cursor, limit: PAGE_LIMIT }),
        (page) => page.nodes,
      );
      return sorted(filtered(nodes, flags.filter ?? []), flags.sort);
    };
    if (!flags.watch) {
      const nodes = await read();
      this.log('%s', await table(columns, nodes));
      return { nodes };
    }
    this.untilInterrupted();
    for await (const _ of changes(client, { type: 'node.*' }, new AbortController().signal)) {
      const nodes = await read();
      if (this.jsonEnabled()) this.line({ nodes });
      else this.log('%s\n', await table(columns, nodes));
    }
  }
}
