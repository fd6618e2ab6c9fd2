import { Args } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { describeHealth, isCritical } from '../../cli/health-view.js';
import { allPages, PAGE_LIMIT } from '../../cli/pages.js';

export default class NodeHealth extends BaseCommand {
  static override summary = 'List what is wrong with the nodes, and what to do.';
  static override description =
    'Ends with status 1 when anything is critical, which is what keeps a node from its work; a warning is no failure.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> node-01 --json',
  ];
  static override args = {
    node: Args.string({
      description: 'Id or name of one node; all of them otherwise.',
      ignoreStdin: true,
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeHealth);
    const client = this.client(flags);
    const nodes = args.node
      ? (await client.call('nodes.health', { node: args.node })).nodes
      : await allPages(
          (cursor) => client.call('nodes.health', { ...cursor, limit: PAGE_LIMIT }),
          (page) => page.nodes,
        );
    this.log('%s', describeHealth(nodes));
    if (isCritical(nodes)) process.exitCode = 1;
    return { nodes };
  }
}
