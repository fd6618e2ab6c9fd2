import { BaseCommand } from '../../cli/base-command.js';
import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { summaryOf } from '../../cli/container-view.js';
import { callOptions } from '../../cli/flags.js';
import { settledContainer } from '../../cli/wait-for-container.js';

export default class ContainerStart extends BaseCommand {
  static override summary = 'Start a container that was stopped, or has ended.';
  static override description =
    'It goes where its place is, and gets the same volumes. With --wait the command ends when it runs and is healthy.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web',
    '<%= config.bin %> <%= command.id %> web --wait --timeout 1m --json',
  ];
  static override args = containerArgument;
  static override flags = changeFlags;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerStart);
    const client = this.client(flags);
    const told = await client.call(
      'containers.start',
      { container: args.container },
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
