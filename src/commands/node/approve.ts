import { BaseCommand } from '../../cli/base-command.js';
import { callOptions, idempotencyFlag, nodeArgument } from '../../cli/flags.js';

export default class NodeApprove extends BaseCommand {
  static override summary = 'Let a machine in that waits for approval.';
  static override description =
    'One that joined with a token of `--approve manual`, or one that came with the identity of a node and is another machine.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-02',
    '<%= config.bin %> <%= command.id %> node-02 --json',
  ];
  static override args = nodeArgument;
  static override flags = idempotencyFlag;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeApprove);
    const node = await this.client(flags).call(
      'nodes.approve',
      { node: args.node },
      callOptions(flags),
    );
    this.log('Approved %s.', node.name);
    return { node };
  }
}
