import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { ContainerOrder } from '../../cli/container-order.js';
import { ifVersionFlag, numberArgument } from '../../cli/flags.js';
import { given } from '../../cli/given.js';

export default class ContainerScale extends ContainerOrder {
  static override summary = 'Have more or fewer replicas of a container.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web 3',
    '<%= config.bin %> <%= command.id %> web 1 --wait --json',
  ];
  static override args = {
    ...containerArgument,
    replicas: numberArgument('replicas', {
      description: 'How many there are to be, 1 to 100.',
      min: 1,
      max: 100,
    }),
  };
  static override flags = { ...ifVersionFlag, ...changeFlags };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerScale);
    const { container, replicas } = args;
    return this.order(flags, 'running', (client, options) =>
      client.call(
        'containers.scale',
        given({ container, replicas, ifVersion: flags['if-version'] }),
        options,
      ),
    );
  }
}
