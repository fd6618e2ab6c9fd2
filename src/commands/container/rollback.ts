import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { summaryOf } from '../../cli/container-view.js';
import { callOptions, ifVersionFlag } from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { settledContainer } from '../../cli/wait-for-container.js';

export default class ContainerRollback extends BaseCommand {
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
    const client = this.client(flags);
    const told = await client.call(
      'containers.rollback',
      given({ container: args.container, revision: flags.to, ifVersion: flags['if-version'] }),
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
