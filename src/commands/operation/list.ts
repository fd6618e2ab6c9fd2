import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { operationColumns } from '../../cli/operation-view.js';
import { table } from '../../cli/table.js';

export default class OperationList extends BaseCommand {
  static override summary = 'List operations, newest first.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --status running',
    '<%= config.bin %> <%= command.id %> --node node-01 --json',
  ];
  static override flags = {
    status: Flags.option({
      summary: 'Only those with this status.',
      options: ['pending', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted'] as const,
    })(),
    node: Flags.string({ summary: 'Only those of this node, by id or name.', helpValue: '<node>' }),
    limit: Flags.integer({
      summary: 'How many at most.',
      default: 50,
      min: 1,
      max: 500,
      helpValue: '<count>',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(OperationList);
    const { status, node, limit } = flags;
    const { operations } = await this.client(flags).call('operations.list', {
      limit,
      ...(status === undefined ? {} : { status }),
      ...(node === undefined ? {} : { node }),
    });
    this.log('%s', await table(operationColumns, operations));
    return { operations };
  }
}
