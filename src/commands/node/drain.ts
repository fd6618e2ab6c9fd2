import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import {
  callOptions,
  idempotencyFlag,
  nodeArgument,
  timeoutFlag,
  waitFlag,
} from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { settledIfAsked } from '../../cli/wait-for-node.js';

export default class NodeDrain extends BaseCommand {
  static override summary = 'Give a node no new work, as before its disk is changed.';
  static override description =
    'It stays a node of the grid and is watched. `node undrain` ends it.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01 --reason "new disk"',
    '<%= config.bin %> <%= command.id %> node-01 --wait --json',
  ];
  static override args = nodeArgument;
  static override flags = {
    reason: Flags.string({ summary: 'Why, for those who look.' }),
    ...waitFlag,
    ...timeoutFlag,
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeDrain);
    const client = this.client(flags);
    const told = await client.call(
      'nodes.drain',
      given({ node: args.node, reason: flags.reason }),
      callOptions(flags),
    );
    const node = await settledIfAsked(client, told, flags);
    this.log('Node %s takes no new work.', node.name);
    return { node };
  }
}
