import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { containerArgument } from '../../cli/container-flags.js';
import { given } from '../../cli/given.js';
import { namingIdle } from '../../cli/not-running.js';
import { redraw } from '../../cli/redraw.js';
import { statsRounds } from '../../cli/stats-view.js';

export default class ContainerStats extends BaseCommand {
  static override summary = 'Show what each replica of a container uses, once a second.';
  static override description =
    '100 % is one core. --json prints one object a line for each replica and second.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web',
    '<%= config.bin %> <%= command.id %> web --once --json',
  ];
  static override args = containerArgument;
  static override flags = {
    once: Flags.boolean({ summary: 'Only once, and not until Ctrl-C.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ContainerStats);
    if (!flags.once) this.untilInterrupted();
    const rounds = statsRounds((text) => (flags.once ? this.log('%s', text) : redraw(text)));
    const input = given({ container: args.container, once: flags.once || undefined });
    const items = this.client(flags).stream('containers.stats', input);
    for await (const stats of namingIdle(items, input)) {
      if (this.jsonEnabled()) this.line({ stats });
      else await rounds.add(stats);
    }
    await rounds.end();
  }
}
