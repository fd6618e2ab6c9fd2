import { Flags } from '@oclif/core';

import { auditColumns, parseTime } from '../../cli/audit-view.js';
import { BaseCommand } from '../../cli/base-command.js';
import { given } from '../../cli/given.js';
import { table } from '../../cli/table.js';

export default class AuditList extends BaseCommand {
  static override summary = 'List who did what, and what was refused, newest first.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --since 24h --outcome failed',
    '<%= config.bin %> <%= command.id %> --member ana --operation "nodes.*" --limit 20',
    '<%= config.bin %> <%= command.id %> --object node-01 --since 2026-11-01 --json',
  ];
  static override flags = {
    member: Flags.string({ summary: 'Only what this member did.', helpValue: '<member>' }),
    operation: Flags.string({
      summary: 'Only this operation, or all of a kind, such as nodes.*.',
      helpValue: '<operation>',
    }),
    object: Flags.string({ summary: 'Only what was done to this id or name.', helpValue: '<ref>' }),
    outcome: Flags.string({
      summary: 'Only `ok`, `failed` for all others, or one error code.',
      helpValue: '<outcome>',
    }),
    since: Flags.string({ summary: 'From this time on, or so long ago.', helpValue: '<time>' }),
    until: Flags.string({ summary: 'Up to this time, or so long ago.', helpValue: '<time>' }),
    limit: Flags.integer({
      summary: 'How many at most.',
      default: 50,
      min: 1,
      max: 500,
      helpValue: '<count>',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(AuditList);
    const { member, operation, object, outcome, since, until, limit } = flags;
    const times = {
      since: since === undefined ? undefined : parseTime(since, 'since'),
      until: until === undefined ? undefined : parseTime(until, 'until'),
    };
    const { entries } = await this.client(flags).call(
      'audit.list',
      given({ member, operation, object, outcome, ...times, limit }),
    );
    this.log('%s', await table(auditColumns, entries));
    return { entries };
  }
}
