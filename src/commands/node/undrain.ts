import { BaseCommand } from '../../cli/base-command.js';
import {
  callOptions,
  idempotencyFlag,
  nodeArgument,
  timeoutFlag,
  waitFlag,
} from '../../cli/flags.js';
import { settledIfAsked } from '../../cli/wait-for-node.js';

export default class NodeUndrain extends BaseCommand {
  static override summary = 'Give a node work again that was drained.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01',
    '<%= config.bin %> <%= command.id %> node-01 --wait --json',
  ];
  static override args = nodeArgument;
  static override flags = { ...waitFlag, ...timeoutFlag, ...idempotencyFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeUndrain);
    const client = this.client(flags);
    const told = await client.call('nodes.undrain', { node: args.node }, callOptions(flags));
    const node = await settledIfAsked(client, told, flags);
    this.log('Node %s takes work again.', node.name);
    return { node };
  }
}
