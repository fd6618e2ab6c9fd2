import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { containerArgument } from '../../cli/container-flags.js';
import { describeEvent, followEvents, newestCursor } from '../../cli/follow-events.js';
import { given } from '../../cli/given.js';

export default class ContainerEvents extends BaseCommand {
  static override summary =
    'Show what has happened to a container, and with --follow what happens.';
  static override description =
    'Also of one that was removed, by its id. A broken connection is made again and goes on after the last event. With --follow, --json prints one object a line.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web --limit 20',
    '<%= config.bin %> <%= command.id %> web --follow --json',
  ];
  static override args = containerArgument;
  static override flags = {
    follow: Flags.boolean({ char: 'f', summary: 'Go on with what happens, until Ctrl-C.' }),
    after: Flags.string({ summary: 'Only events after this cursor.', helpValue: '<cursor>' }),
    limit: Flags.integer({
      summary: 'How many of the last ones; not with --follow.',
      default: 50,
      min: 1,
      max: 500,
      helpValue: '<count>',
      exclusive: ['follow'],
    }),
  };

  async run(): Promise<object | void> {
    const { args, flags } = await this.parse(ContainerEvents);
    const client = this.client(flags);
    const { id } = await client.call('containers.get', { container: args.container });
    if (!flags.follow) {
      const { after, limit } = flags;
      const page = await client.call(
        'events.list',
        given({ object: id, last: true, after, limit }),
      );
      for (const event of page.events) this.log('%s', describeEvent(event));
      return page;
    }
    this.untilInterrupted();
    const after = flags.after ?? (await newestCursor(client));
    for await (const event of followEvents(client, { object: id }, after)) {
      if (this.jsonEnabled()) this.line({ event });
      else this.log('%s', describeEvent(event));
    }
  }
}
