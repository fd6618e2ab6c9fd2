import { Flags } from '@oclif/core';

import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { ContainerOrder } from '../../cli/container-order.js';
import { given } from '../../cli/given.js';

export default class ContainerRestart extends ContainerOrder {
  static override summary = 'Stop and start a container, as it is.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web',
    '<%= config.bin %> <%= command.id %> web --replica 2 --wait --json',
  ];
  static override args = containerArgument;
  static override flags = {
    replica: Flags.integer({
      summary: 'Only this replica.',
      helpValue: '<number>',
      min: 1,
      max: 100,
    }),
    ...changeFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerRestart);
    return this.order(flags, 'running', (client, options) =>
      client.call(
        'containers.restart',
        given({ container: args.container, replica: flags.replica }),
        options,
      ),
    );
  }
}
