import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { confirm } from '../../cli/confirm.js';
import { changeFlags, containerArgument } from '../../cli/container-flags.js';
import { keptVolumes } from '../../cli/container-view.js';
import { callOptions, ifVersionFlag, yesFlag } from '../../cli/flags.js';
import { given } from '../../cli/given.js';
import { settledContainer, waitingOf } from '../../cli/wait-for-container.js';

export default class ContainerRemove extends BaseCommand {
  static override summary = 'End a container and give up its places and its name.';
  static override description =
    'What its volumes hold stays on the nodes, unless --volumes is said: the next container of its name and owner that is placed there finds it, and `container remove --volumes` of that one removes it. Its history, its events and its usage stay. With --wait the command ends when its nodes have said that nothing of it is left.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web',
    '<%= config.bin %> <%= command.id %> web --yes --json',
    '<%= config.bin %> <%= command.id %> db --volumes --yes --wait',
  ];
  static override args = containerArgument;
  static override flags = {
    volumes: Flags.boolean({ summary: 'Also what its volumes hold, which cannot be had back.' }),
    ...yesFlag,
    ...ifVersionFlag,
    ...changeFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContainerRemove);
    const waiting = waitingOf(flags);
    const client = this.client(flags);
    const before = await client.call('containers.get', { container: args.container });
    const { id, name, status } = before;
    const volumes = flags.volumes ? 'What its volumes hold is lost.' : 'Its volumes stay.';
    await confirm({
      message: `Remove container ${name} (${status}, ${id})? ${volumes}`,
      yes: flags.yes,
      json: this.jsonEnabled(),
    });
    const told = await client.call(
      'containers.remove',
      given({
        container: id,
        volumes: flags.volumes || undefined,
        ifVersion: flags['if-version'],
      }),
      callOptions(flags),
    );
    const {
      instances: _,
      spec: __,
      ...container
    } = await settledContainer(
      client,
      { ...before, ...told },
      { waiting, aim: 'removed', json: this.jsonEnabled() },
    );
    this.log(
      container.status === 'removed'
        ? `Removed container ${name}.`
        : `Container ${name} is being removed; its name is free.`,
    );
    if (!flags.volumes) for (const line of keptVolumes(before)) this.log('%s', line);
    return { container };
  }
}
