import { BaseCommand } from '../../cli/base-command.js';
import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { summaryOf } from '../../cli/container-view.js';
import { callOptions } from '../../cli/flags.js';
import { settledContainer } from '../../cli/wait-for-container.js';

export default class ContainerStop extends BaseCommand {
  static override summary = 'Stop a container.';
  static override description =
    'It keeps its places, its volumes and its name; `container start` runs it again, `container remove` gives them up.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web',
    '<%= config.bin %> <%= command.id %> web --wait --timeout 1m --json',
  ];
  static override args = containerArgument;
  static override flags = changeFlags;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerStop);
    const client = this.client(flags);
    const told = await client.call(
      'containers.stop',
      { container: args.container },
      callOptions(flags),
    );
    const container = await settledContainer(client, told, {
      flags,
      aim: 'stopped',
      json: this.jsonEnabled(),
    });
    this.log('%s', summaryOf(container));
    return { container };
  }
}
