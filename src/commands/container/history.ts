import { BaseCommand } from '../../cli/base-command.js';
import { containerArgument } from '../../cli/container-flags.js';
import { revisionColumns, withChanges } from '../../cli/revision-view.js';
import { table } from '../../cli/table.js';

export default class ContainerHistory extends BaseCommand {
  static override summary = 'List the revisions of a container, and what each has changed.';
  static override description = 'Newest first, at most the last hundred.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web',
    '<%= config.bin %> <%= command.id %> web --json',
  ];
  static override args = containerArgument;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerHistory);
    const { container, revisions } = await this.client(flags).call('containers.history', {
      container: args.container,
    });
    this.log('%s', await table(revisionColumns, withChanges(revisions)));
    return { container, revisions };
  }
}
