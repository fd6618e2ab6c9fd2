import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { nodeArgument, timeoutFlag } from '../../cli/flags.js';
import { nodeStatuses } from '../../cli/node-statuses.js';
import { waitForNode } from '../../cli/wait-for-node.js';
import { parseDuration } from '../../cli/duration.js';

export default class NodeWait extends BaseCommand {
  static override summary = 'Wait until a node has a status.';
  static override description =
    'Ends with status 0 as soon as the node has one of the named statuses, 7 when --timeout has passed, 1 when the node has failed for good, and 4 when there is no such node, or none any more.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01 --for online --timeout 10m',
    '<%= config.bin %> <%= command.id %> node-01 --for provisioned --for online --json',
  ];
  static override args = nodeArgument;
  static override flags = {
    for: Flags.option({
      summary: 'Status to wait for. May be repeated: any of them will do.',
      options: nodeStatuses,
      multiple: true,
      multipleNonGreedy: true,
      required: true,
    })(),
    ...timeoutFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeWait);
    const node = await waitForNode(this.client(flags), {
      node: args.node,
      until: ({ status }) => flags.for.includes(status),
      aim: flags.for.join(' or '),
      timeoutMs: flags.timeout === undefined ? undefined : parseDuration(flags.timeout, 'timeout'),
    });
    this.log(`Node ${node.name} is ${node.status}.`);
    return { node };
  }
}
