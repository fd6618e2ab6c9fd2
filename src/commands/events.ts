import { Flags } from '@oclif/core';

import { BaseCommand } from '../cli/base-command.js';
import { describeEvent, followEvents, newestCursor } from '../cli/follow-events.js';

export default class Events extends BaseCommand {
  static override summary = 'Show what has happened, and with --follow what happens.';
  static override description =
    'A broken connection is made again and goes on after the last event, on whichever daemon answers: none is missing and none comes twice. A cursor that is no longer kept is refused with the oldest one that is: read the present state anew, then follow from there. With --follow, --json prints one object a line.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --limit 20',
    '<%= config.bin %> <%= command.id %> --follow --topic node',
    '<%= config.bin %> <%= command.id %> --follow --after 4711 --json',
  ];
  static override flags = {
    follow: Flags.boolean({ char: 'f', summary: 'Go on with what happens, until Ctrl-C.' }),
    topic: Flags.string({
      summary: 'Only events of this noun, such as node or operation.',
      helpValue: '<noun>',
    }),
    object: Flags.string({ summary: 'Only events of the object with this id.', helpValue: '<id>' }),
    after: Flags.string({
      summary:
        'Only events after this cursor. Without it: the last ones, or with --follow the next.',
      helpValue: '<cursor>',
    }),
    limit: Flags.integer({
      summary: 'How many at most; not with --follow.',
      default: 50,
      min: 1,
      max: 500,
      helpValue: '<count>',
      exclusive: ['follow'],
    }),
  };

  async run(): Promise<object | void> {
    const { flags } = await this.parse(Events);
    const client = this.client(flags);
    const filter = {
      ...(flags.topic === undefined ? {} : { type: `${flags.topic}.*` }),
      ...(flags.object === undefined ? {} : { object: flags.object }),
    };
    if (flags.follow) {
      this.untilInterrupted();
      const after = flags.after ?? (await newestCursor(client));
      for await (const event of followEvents(client, filter, after)) {
        if (this.jsonEnabled()) this.line({ event });
        else this.log('%s', describeEvent(event));
      }
      return;
    }
    const { limit } = flags;
    const from = flags.after === undefined ? { last: true } : { after: flags.after };
    const page = await client.call('events.list', { ...filter, limit, ...from });
    for (const event of page.events) this.log('%s', describeEvent(event));
    return { events: page.events, cursor: page.cursor };
  }
}
