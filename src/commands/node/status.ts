import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { changesAndEvery } from '../../cli/changes.js';
import { secondsOf } from '../../cli/duration.js';
import { nodeArgument } from '../../cli/flags.js';
import { describeReport, readReport } from '../../cli/node-report.js';
import { redraw } from '../../cli/redraw.js';

/** As often as a node tells anything new. */
const REFRESH_MS = 10_000;

export default class NodeStatus extends BaseCommand {
  static override summary =
    'Show one node: its state, its machine, how that fares, and what is wrong.';
  static override description =
    'What a node said last is shown with its age. With --history also how its machine fared: as lines of marks on a terminal, in ASCII unless the locale is UTF-8.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-01',
    '<%= config.bin %> <%= command.id %> node-01 --history 24h --watch',
    '<%= config.bin %> <%= command.id %> node-01 --json',
  ];
  static override args = nodeArgument;
  static override flags = {
    watch: Flags.boolean({
      char: 'w',
      summary: 'Show it again after every change and every 10 s, until Ctrl-C.',
    }),
    history: Flags.string({
      summary: 'Also how it fared for so long, such as 24h; at most 400d.',
      helpValue: '<duration>',
    }),
  };

  async run(): Promise<object | void> {
    const { args, flags } = await this.parse(NodeStatus);
    const client = this.client(flags);
    const since = secondsOf(flags.history, 'history');
    const report = await readReport(client, args.node, since);
    if (!flags.watch) {
      this.log('%s', describeReport(report, since));
      return report;
    }
    this.untilInterrupted();
    const { id } = report.node;
    const { signal } = new AbortController();
    for await (const _ of changesAndEvery(client, { object: id }, REFRESH_MS, signal)) {
      const now = await readReport(client, id, since);
      if (this.jsonEnabled()) this.line({ ...now });
      else redraw(describeReport(now, since));
    }
  }
}
