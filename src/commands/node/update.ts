import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import {
  callOptions,
  idempotencyFlag,
  ifVersionFlag,
  nodeArgument,
  timeoutFlag,
  waitFlag,
} from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { labelChange } from '../../cli/labels.js';
import { parseOffer } from '../../cli/offer.js';
import { settledIfAsked } from '../../cli/wait-for-node.js';
import { describeNode } from '../../cli/node-view.js';

export default class NodeUpdate extends BaseCommand {
  static override summary =
    'Change what is said of a node: its name, labels, owner, and what is lent of it.';
  static override description =
    'Its id stays, and so does everything that refers to it. An offer reaches the node, which says so; with --wait the command ends when it has. A new version of the agent is fetched from the daemon, and has to come back within minutes: otherwise the old one runs again, and says so.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01 --name rack2-07',
    '<%= config.bin %> <%= command.id %> node-01 --label site=attic --label spare-',
    '<%= config.bin %> <%= command.id %> node-01 --offer cpu=2,memory=4GiB,disk=50GiB --wait',
    '<%= config.bin %> <%= command.id %> node-01 --agent-version latest --wait --timeout 10m',
    '<%= config.bin %> <%= command.id %> node-01 --description "" --if-version 7',
  ];
  static override args = nodeArgument;
  static override flags = {
    name: Flags.string({ summary: 'New name, a DNS label.', helpValue: '<name>' }),
    label: Flags.string({
      summary: 'Set a label with key=value, or remove it with key-. May be repeated.',
      helpValue: '<label>',
      multiple: true,
      multipleNonGreedy: true,
    }),
    description: Flags.string({ summary: 'New description; empty removes it.' }),
    location: Flags.string({ summary: 'Where it stands; empty removes it.' }),
    owner: Flags.string({
      summary: 'Member that it belongs to from now on.',
      helpValue: '<member>',
    }),
    offer: Flags.string({
      summary:
        'What is lent of it, such as cpu=2,memory=4GiB,disk=50GiB, or none. Of the disk nothing is reserved or limited yet.',
      helpValue: '<offer>',
    }),
    'agent-version': Flags.string({
      summary: 'Replace its agent with this version; `latest` is the daemon’s own.',
      helpValue: '<version>|latest',
    }),
    ...waitFlag,
    ...timeoutFlag,
    ...ifVersionFlag,
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeUpdate);
    const client = this.client(flags);
    const changed = await client.call(
      'nodes.update',
      {
        node: args.node,
        ...given({
          ifVersion: flags['if-version'],
          name: flags.name,
          description: flags.description,
          location: flags.location,
          owner: flags.owner,
          offer: flags.offer === undefined ? undefined : parseOffer(flags.offer),
          agentVersion: flags['agent-version'],
        }),
        ...labelChange(flags.label ?? []),
      },
      callOptions(flags),
    );
    const node = await settledIfAsked(client, changed, flags, [
      ...(flags.offer === undefined ? [] : ['offer' as const]),
      ...(flags['agent-version'] === undefined ? [] : ['update' as const]),
    ]);
    this.log('%s', describeNode(node));
    return { node };
  }
}
