import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { changeFlags, containerArgument, imageFlag, specFlags } from '../../cli/container-flags.js';
import { updateRequest } from '../../cli/container-request.js';
import { summaryOf } from '../../cli/container-view.js';
import { callOptions, ifVersionFlag } from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { settledContainer } from '../../cli/wait-for-container.js';
import { wordsAfterDashes } from '../../cli/words-after.js';

export default class ContainerUpdate extends BaseCommand {
  static override summary = 'Change a container: another revision takes over, replica by replica.';
  static override description =
    'If the new revision does not come up, or does not get healthy, the one before stays, and the command fails with --wait. Variables and labels are added to those that there are; NAME- and key- remove one. Ports, volumes, secrets and capabilities that are named are all that there are from then on; `none` is an empty list. Words after -- are arguments for the program, as --arg is.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web --image nginx:1.28 --wait',
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
    const client = this.client(flags);
    const { container: ref } = args;
    const words = wordsAfterDashes(raw, this.argv, 1);
    const change = await updateRequest(flags, words, async () => {
      const { spec } = await client.call('containers.get', { container: ref });
      return spec.health;
    });
    const told = await client.call(
      'containers.update',
      given({ container: ref, ...change, ifVersion: flags['if-version'] }),
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
