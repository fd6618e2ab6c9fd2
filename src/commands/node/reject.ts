import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { callOptions, idempotencyFlag, nodeArgument } from '../../cli/flags.js';
import { given } from '../../cli/given.js';

export default class NodeReject extends BaseCommand {
  static override summary = 'Turn a machine away that waits for approval.';
  static override description = 'Its keys are good for nothing from then on.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-02 --reason "not one of ours"',
    '<%= config.bin %> <%= command.id %> node-02 --json',
  ];
  static override args = nodeArgument;
  static override flags = {
    reason: Flags.string({ summary: 'Why, for the status of the node.', helpValue: '<text>' }),
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeReject);
    const node = await this.client(flags).call(
      'nodes.reject',
      given({ node: args.node, reason: flags.reason }),
      callOptions(flags),
    );
    this.log('Turned %s away.', node.name);
    return { node };
  }
}
