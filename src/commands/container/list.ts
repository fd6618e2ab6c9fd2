import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { changes } from '../../cli/changes.js';
import { containerStatuses } from '../../cli/container-statuses.js';
import { containerColumns } from '../../cli/container-view.js';
import { given } from '../../cli/given.js';
import { allPages, PAGE_LIMIT } from '../../cli/pages.js';
import { table } from '../../cli/table.js';

export default class ContainerList extends BaseCommand {
  static override summary = 'List the containers.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --node node-01 --status running',
    '<%= config.bin %> <%= command.id %> --label app=shop --json',
  ];
  static override flags = {
    status: Flags.option({
      summary: 'Only those with this status.',
      options: containerStatuses,
    })(),
    node: Flags.string({ summary: 'Only those with a replica there.', helpValue: '<node>' }),
    label: Flags.string({
      summary: 'Only those with this label, key or key=value.',
      helpValue: '<label>',
    }),
    removed: Flags.boolean({ summary: 'Also those that never came up or were removed.' }),
    watch: Flags.boolean({
      char: 'w',
      summary: 'Show the list again after every change, until Ctrl-C.',
    }),
  };

  async run(): Promise<object | void> {
    const { flags } = await this.parse(ContainerList);
    const client = this.client(flags);
    const { status, node, label } = flags;
    const asked = given({ status, node, label, removed: flags.removed || undefined });
    const read = () =>
      allPages(
        (cursor) => client.call('containers.list', { ...asked, ...cursor, limit: PAGE_LIMIT }),
        (page) => page.containers,
      );
    if (!flags.watch) {
      const containers = await read();
      this.log('%s', await table(containerColumns, containers));
      return { containers };
    }
    this.untilInterrupted();
    for await (const _ of changes(client, { type: 'container.*' }, new AbortController().signal)) {
      const containers = await read();
      if (this.jsonEnabled()) this.line({ containers });
      else this.log('%s\n', await table(containerColumns, containers));
    }
  }
}
