import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { changes } from '../../cli/changes.js';
import { nodeArgument } from '../../cli/flags.js';
import { describeNode } from '../../cli/node-view.js';

export default class NodeStatus extends BaseCommand {
  static override summary = 'Show one node: its state, its labels and how its stick was written.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01',
    '<%= config.bin %> <%= command.id %> node-01 --json',
  ];
  static override args = nodeArgument;
  static override flags = {
    watch: Flags.boolean({ char: 'w', summary: 'Show it again after every change, until Ctrl-C.' }),
  };

  async run(): Promise<object | void> {
    const { args, flags } = await this.parse(NodeStatus);
    const client = this.client(flags);
    const node = await client.call('nodes.get', { node: args.node });
    if (!flags.watch) {
      this.log('%s', describeNode(node));
      return { node };
    }
    for await (const _ of changes(client, { object: node.id }, new AbortController().signal)) {
      const now = await client.call('nodes.get', { node: node.id });
      if (this.jsonEnabled()) this.line({ node: now });
      else this.log('%s\n', describeNode(now));
    }
  }
}
