import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { changesAndEvery } from '../../cli/changes.js';
import { containerArgument } from '../../cli/container-flags.js';
import { describeContainer } from '../../cli/container-view.js';
import { redraw } from '../../cli/redraw.js';

/** Ages of what is shown grow without an event. */
const REFRESH_MS = 10_000;

export default class ContainerStatus extends BaseCommand {
  static override summary = 'Show one container: its replicas, where they are, and what is wrong.';
  static override description =
    'Of a node that is away it shows what was said last, and how long ago that was. Usage is what the nodes have told so far.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web',
    '<%= config.bin %> <%= command.id %> web --watch',
    '<%= config.bin %> <%= command.id %> web --json',
  ];
  static override args = containerArgument;
  static override flags = {
    watch: Flags.boolean({
      char: 'w',
      summary: 'Show it again after every change and every 10 s, until Ctrl-C.',
    }),
  };

  async run(): Promise<object | void> {
    const { args, flags } = await this.parse(ContainerStatus);
    const client = this.client(flags);
    const read = async (ref: string) => {
      const container = await client.call('containers.get', { container: ref });
      const { usage } = await client.call('containers.usage', { container: container.id });
      return { container, usage };
    };
    const first = await read(args.container);
    if (!flags.watch) {
      this.log('%s', await describeContainer(first.container, first.usage));
      return first;
    }
    this.untilInterrupted();
    const { id } = first.container;
    const { signal } = new AbortController();
    for await (const _ of changesAndEvery(client, { object: id }, REFRESH_MS, signal)) {
      const { container, usage } = await read(id);
      if (this.jsonEnabled()) this.line({ container, usage });
      else redraw(await describeContainer(container, usage));
    }
  }
}
