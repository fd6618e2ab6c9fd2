import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { ContainerOrder } from '../../cli/container-order.js';

export default class ContainerStart extends ContainerOrder {
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
    return this.order(flags, 'running', (client, options) =>
      client.call('containers.start', { container: args.container }, options),
    );
  }
}
