import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { containerArgument } from '../../cli/container-flags.js';
import { usageColumns } from '../../cli/container-view.js';
import { secondsOf } from '../../cli/duration.js';
import { given } from '../../cli/given.js';
import { table } from '../../cli/table.js';

export default class ContainerUsage extends BaseCommand {
  static override summary = 'Show what a container has used, by replica and node.';
  static override description =
    'As the nodes have told so far; they do so every minute, and when a replica ends.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web',
    '<%= config.bin %> <%= command.id %> web --since 24h --json',
  ];
  static override args = containerArgument;
  static override flags = {
    since: Flags.string({
      summary: 'Only of the last so long, such as 24h; at least 1m.',
      helpValue: '<duration>',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerUsage);
    const { container, usage } = await this.client(flags).call(
      'containers.usage',
      given({ container: args.container, sinceSeconds: secondsOf(flags.since, 'since') }),
    );
    this.log('%s', await table(usageColumns, usage));
    return { container, usage };
  }
}
