import { Flags } from '@oclif/core';

import { BaseCommand } from '../../../cli/base-command.js';
import { secondsOf } from '../../../cli/duration.js';
import { callOptions, idempotencyFlag } from '../../../cli/flags.js';
import { given } from '../../../cli/given.js';
import { labelsOf } from '../../../cli/labels.js';
import { describeNodeToken } from '../../../cli/node-token-view.js';

export default class NodeTokenCreate extends BaseCommand {
  static override summary = 'Make a token that a machine joins the grid with.';
  static override description =
    'It is printed this once, alone on standard output, and kept nowhere. On the machine: `syntropy agent join <token>`.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --reusable 12 --ttl 2h --label site=attic --approve manual',
    '<%= config.bin %> <%= command.id %> --discover --reusable 5',
    '<%= config.bin %> <%= command.id %> --owner ana --json',
  ];
  static override flags = {
    reusable: Flags.integer({
      summary: 'How many machines may join with it [default: 1].',
      helpValue: '<n>',
      min: 1,
      max: 10_000,
    }),
    ttl: Flags.string({ summary: 'How long it is good [default: 1d].', helpValue: '<duration>' }),
    label: Flags.string({
      summary: 'Label of the nodes that it makes, as key=value. May be repeated.',
      helpValue: '<label>',
      multiple: true,
      multipleNonGreedy: true,
    }),
    owner: Flags.string({
      summary: 'Member that the nodes belong to [default: the caller].',
      helpValue: '<member>',
    }),
    approve: Flags.option({
      summary: 'Whether its nodes are let in at once, or when somebody approves them.',
      options: ['auto', 'manual'] as const,
      default: 'auto',
    })(),
    'daemon-url': Flags.string({
      summary: 'Where machines reach the daemon [default: its public address].',
      helpValue: '<url>',
    }),
    discover: Flags.boolean({
      summary:
        'Make it without an address: machines look for a daemon of the grid on their network.',
      exclusive: ['daemon-url'],
    }),
    ...idempotencyFlag,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(NodeTokenCreate);
    const created = await this.client(flags).call(
      'nodeTokens.create',
      given({
        uses: flags.reusable,
        ttlSeconds: secondsOf(flags.ttl, 'ttl'),
        labels: flags.label && labelsOf(flags.label),
        owner: flags.owner,
        approval: flags.approve,
        daemonUrl: flags['daemon-url'],
        discover: flags.discover,
      }),
      callOptions(flags),
    );
    for (const warning of created.warnings) this.note(`Warning: ${warning}`);
    this.secret(describeNodeToken(created.nodeToken), 'token', created.token);
    return created;
  }
}
