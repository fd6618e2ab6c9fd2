import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { summaryOf } from '../../cli/container-view.js';
import { callOptions } from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { settledContainer } from '../../cli/wait-for-container.js';

export default class ContainerRestart extends BaseCommand {
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
    const client = this.client(flags);
    const told = await client.call(
      'containers.restart',
      given({ container: args.container, replica: flags.replica }),
      callOptions(flags),
    );
    const container = await settledContainer(client, told, {
      flags,
      aim: 'running',
      json: this.jsonEnabled(),
    });
    this.log('%s', summaryOf(container));
    return { container };
  }
}
