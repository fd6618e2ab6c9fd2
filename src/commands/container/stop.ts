import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { ContainerOrder } from '../../cli/container-order.js';

export default class ContainerStop extends ContainerOrder {
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
    return this.order(flags, 'stopped', (client, options) =>
      client.call('containers.stop', { container: args.container }, options),
    );
  }
}
