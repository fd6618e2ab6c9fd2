import { Flags } from '@oclif/core';

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
    'Its machine is told to take its keys away; --force deletes also a node whose machine is not there to be told, or that containers are paid from: those go on, and their owners name another payer. What runs on it is lost there, with its volumes. Its record, its labels and its join token go, and its keys open nothing from then on. Its operations and its events stay, and so does its stick: what is written on it is not erased, but the machine can no longer join with it. A node that anything still refers to is retired instead: hidden, and its name free again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01',
    '<%= config.bin %> <%= command.id %> node-01 --yes --json',
    '<%= config.bin %> <%= command.id %> node-01 --force --yes',
  ];
  static override args = nodeArgument;
  static override flags = {
    force: Flags.boolean({
      summary: 'Also when its machine is not there to be told, or containers are paid from it.',
    }),
    ...yesFlag,
    ...ifVersionFlag,
    ...idempotencyFlag,
  };

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
      given({ node: id, ifVersion: flags['if-version'], force: flags.force || undefined }),
      callOptions(flags),
    );
    this.log(
      deleted.outcome === 'removed'
        ? `Removed node ${name}.`
        : `Retired node ${name}: its history stays, its name is free.`,
    );
    if (deleted.wiped === false) {
      this.note('Its machine did not say that its keys are gone there; they open nothing.');
    }
    return deleted;
  }
}
