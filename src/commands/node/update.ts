import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { callOptions, idempotencyFlag, ifVersionFlag, nodeArgument } from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { labelChange } from '../../cli/labels.js';
import { describeNode } from '../../cli/node-view.js';

export default class NodeUpdate extends BaseCommand {
  static override summary = 'Change the name, labels or description of a node.';
  static override description = 'Its id stays, and so does everything that refers to it.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01 --name rack2-07',
    '<%= config.bin %> <%= command.id %> node-01 --label site=attic --label spare-',
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
    ...ifVersionFlag,
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(NodeUpdate);
    const node = await this.client(flags).call(
      'nodes.update',
      {
        node: args.node,
        ...given({
          ifVersion: flags['if-version'],
          name: flags.name,
          description: flags.description,
        }),
        ...labelChange(flags.label ?? []),
      },
      callOptions(flags),
    );
    this.log(describeNode(node));
    return { node };
  }
}
