import { Flags } from '@oclif/core';

import { changeFlags, containerArgument, imageFlag, specFlags } from '../../cli/container-flags.js';
import { ContainerOrder } from '../../cli/container-order.js';
import { updateRequest } from '../../cli/container-request.js';
import { ifVersionFlag } from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { wordsAfterDashes } from '../../cli/words-after.js';

export default class ContainerUpdate extends ContainerOrder {
  static override summary = 'Change a container: another revision takes over, replica by replica.';
  static override description =
    'If the new revision does not come up, or does not get healthy, the one before stays, and the command fails with --wait. Variables and labels are added to those that there are; NAME- and key- remove one. Ports, volumes, secrets and capabilities that are named are all that there are from then on; `none` is an empty list. Words after -- are arguments for the program, as --arg is.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web --image nginxinc/nginx-unprivileged:1.28 --wait',
    '<%= config.bin %> <%= command.id %> web --env MODE=fast --env DEBUG- --memory 512MiB',
    '<%= config.bin %> <%= command.id %> web --no-health --publish none --if-version 7 --json',
  ];
  static override strict = false;
  static override args = containerArgument;
  static override flags = {
    image: Flags.string(imageFlag),
    ...specFlags,
    health: Flags.boolean({
      summary: 'With --no-health: have no health check any more.',
      allowNo: true,
    }),
    ...ifVersionFlag,
    ...changeFlags,
  };

  async run(): Promise<object> {
    const { args, flags, raw } = await this.parse(ContainerUpdate);
    const { container } = args;
    const words = wordsAfterDashes(raw, this.argv, 1);
    return this.order(flags, 'running', async (client, options) => {
      const change = await updateRequest(flags, words, async () => {
        const { spec } = await client.call('containers.get', { container });
        return spec.health;
      });
      const input = given({ container, ...change, ifVersion: flags['if-version'] });
      return client.call('containers.update', input, options);
    });
  }
}
