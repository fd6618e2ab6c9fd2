import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { containerArgument } from '../../cli/container-flags.js';
import { printLogItem } from '../../cli/container-log-lines.js';
import { followLogs } from '../../cli/follow-logs.js';
import { given } from '../../cli/given.js';
import { parseMoment } from '../../cli/moment.js';
import { requireComplete } from '../../cli/stream-end.js';

export default class ContainerLogs extends BaseCommand {
  static override summary = 'Show what a container has written, merged over its replicas.';
  static override description =
    'What was written to stderr goes to stderr. Where there are several replicas, each line says of which it is. --json prints one object a line. A replica whose node is away is said so.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web --tail 100 --follow',
    '<%= config.bin %> <%= command.id %> web --since 10m --timestamps --replica 2',
    '<%= config.bin %> <%= command.id %> web --since 2026-01-02T03:04:05Z --until 2026-01-02T04:00:00Z --json',
  ];
  static override args = containerArgument;
  static override flags = {
    follow: Flags.boolean({ char: 'f', summary: 'Go on with new lines until Ctrl-C.' }),
    since: Flags.string({
      summary: 'Only from then on: a time (RFC 3339), or so long ago.',
      helpValue: '<time|duration>',
    }),
    until: Flags.string({
      summary: 'Only before then: a time (RFC 3339), or so long ago.',
      helpValue: '<time|duration>',
    }),
    tail: Flags.integer({
      summary: 'The last so many lines of each replica [default: all].',
      helpValue: '<count>',
      min: 0,
      max: 1_000_000,
    }),
    timestamps: Flags.boolean({ char: 't', summary: 'When each line was written.' }),
    replica: Flags.integer({
      summary: 'Only of this replica.',
      helpValue: '<number>',
      min: 1,
      max: 100,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ContainerLogs);
    const { follow, tail, replica, timestamps } = flags;
    const since = parseMoment(flags.since, 'since');
    const until = parseMoment(flags.until, 'until');
    const client = this.client(flags);
    const { id, name, replicas } = await client.call('containers.get', {
      container: args.container,
    });
    if (follow) this.untilInterrupted();
    const prefix = replicas > 1 && replica === undefined ? name : undefined;
    const style = { json: this.jsonEnabled(), timestamps, prefix };
    const input = given({
      container: id,
      follow: follow || undefined,
      since,
      until,
      tail,
      replica,
    });
    const items = follow
      ? followLogs(client, input, replica === undefined ? replicas : 1)
      : client.stream('containers.logs', input, requireComplete('What it wrote'));
    for await (const item of items) await printLogItem(item, style);
  }
}
