import { Flags } from '@oclif/core';

import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { ContainerOrder } from '../../cli/container-order.js';
import { ifVersionFlag } from '../../cli/flags.js';
import { given } from '../../cli/given.js';

export default class ContainerRollback extends ContainerOrder {
  static override summary = 'Go back to a revision of a container: the one before, or another.';
  static override description =
    'What that revision was becomes the newest one. `container history` shows the revisions.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web',
    '<%= config.bin %> <%= command.id %> web --to 3 --wait --json',
  ];
  static override args = containerArgument;
  static override flags = {
    to: Flags.integer({
      summary: 'Revision to go back to [default: the one before].',
      helpValue: '<revision>',
      min: 1,
    }),
    ...ifVersionFlag,
    ...changeFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerRollback);
    return this.order(flags, 'running', (client, options) =>
      client.call(
        'containers.rollback',
        given({ container: args.container, revision: flags.to, ifVersion: flags['if-version'] }),
        options,
      ),
    );
  }
}
