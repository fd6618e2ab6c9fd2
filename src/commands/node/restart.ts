import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { parseDuration } from '../../cli/duration.js';
import { callOptions, idempotencyFlag, nodeArgument, timeoutFlag } from '../../cli/flags.js';
import { startedAnew } from '../../cli/wait-for-node.js';

const DEFAULT_TIMEOUT = '10m';

export default class NodeRestart extends BaseCommand {
  static override summary = 'Start the machine of a node anew.';
  static override description =
    'In order, by the service manager of the machine. With --wait the command ends when the node is online again and says, by another boot id, that it has started anew: status 1 when its agent may not or could not, 7 when it takes longer than --timeout (10m unless said otherwise). An order that reaches nobody within five minutes is forgotten.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01 --wait',
    '<%= config.bin %> <%= command.id %> node-01 --force --wait --timeout 5m --json',
  ];
  static override args = nodeArgument;
  static override flags = {
    force: Flags.boolean({ summary: 'At once, without ending in order what runs there.' }),
    wait: Flags.boolean({ summary: 'Wait until it is online again.' }),
    ...timeoutFlag,
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeRestart);
    const client = this.client(flags);
    const { node, bootId } = await client.call(
      'nodes.restart',
      { node: args.node, force: flags.force },
      callOptions(flags),
    );
    if (!flags.wait) {
      this.log('Node %s was told to start anew.', node.name);
      return { node };
    }
    const timeoutMs = parseDuration(flags.timeout ?? DEFAULT_TIMEOUT, 'timeout');
    const back = await startedAnew(client, node, bootId, timeoutMs);
    this.log('Node %s has started anew.', back.name);
    return { node: back };
  }
}
