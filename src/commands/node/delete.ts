import { BaseCommand } from '../../cli/base-command.js';
import { confirm } from '../../cli/confirm.js';
import {
  callOptions,
  idempotencyFlag,
  ifVersionFlag,
  nodeArgument,
  yesFlag,
} from '../../cli/flags.js';
import { given } from '../../cli/given.js';

export default class NodeDelete extends BaseCommand {
  static override summary = 'Delete a node.';
  static override description =
    'Its record, its labels and its join token go. Its operations and its events stay, and so does its stick: what is written on it is not erased, but the machine can no longer join with it. A node that anything still refers to is retired instead: hidden, and its name free again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01',
    '<%= config.bin %> <%= command.id %> node-01 --yes --json',
  ];
  static override args = nodeArgument;
  static override flags = { ...yesFlag, ...ifVersionFlag, ...idempotencyFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeDelete);
    const client = this.client(flags);
    const { id, name, status } = await client.call('nodes.get', { node: args.node });
    await confirm({
      message: `Delete node ${name} (${status}, ${id})? Its record and join token go; its operations and the data on its stick stay.`,
      yes: flags.yes,
      json: this.jsonEnabled(),
    });
    const deleted = await client.call(
      'nodes.delete',
      given({ node: id, ifVersion: flags['if-version'] }),
      callOptions(flags),
    );
    this.log(
      deleted.outcome === 'removed'
        ? `Removed node ${name}.`
        : `Retired node ${name}: its history stays, its name is free.`,
    );
    return deleted;
  }
}
