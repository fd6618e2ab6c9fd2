import { Args } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { summaryOf } from '../../cli/container-view.js';
import { callOptions, ifVersionFlag } from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { settledContainer } from '../../cli/wait-for-container.js';

export default class ContainerScale extends BaseCommand {
  static override summary = 'Have more or fewer replicas of a container.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web 3',
    '<%= config.bin %> <%= command.id %> web 1 --wait --json',
  ];
  static override args = {
    ...containerArgument,
    replicas: Args.integer({
      description: 'How many there are to be, 1 to 100.',
      required: true,
      ignoreStdin: true,
      min: 1,
      max: 100,
    }),
  };
  static override flags = { ...ifVersionFlag, ...changeFlags };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerScale);
    const client = this.client(flags);
    const { container: ref, replicas } = args;
    const told = await client.call(
      'containers.scale',
      given({ container: ref, replicas, ifVersion: flags['if-version'] }),
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
