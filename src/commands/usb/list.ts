import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { formatBytes } from '../../cli/format.js';
import { type Column, table } from '../../cli/table.js';
import type { Drive } from '../../contract/schemas/drive.js';

const columns: readonly Column<Drive>[] = [
  { title: 'DEVICE', value: (drive) => drive.path },
  { title: 'SIZE', value: (drive) => formatBytes(drive.sizeBytes) },
  { title: 'BUS', value: (drive) => drive.transport ?? '' },
  { title: 'MODEL', value: (drive) => [drive.vendor, drive.model].filter(Boolean).join(' ') },
  { title: 'SERIAL', value: (drive) => drive.serial ?? '' },
  {
    title: 'LABELS',
    value: (drive) => drive.partitions.flatMap((partition) => partition.label ?? []).join(', '),
  },
];
const refusal: Column<Drive> = {
  title: 'NOT WRITABLE BECAUSE',
  value: (drive) => drive.refusal?.message ?? '',
};

export default class UsbList extends BaseCommand {
  static override summary = 'List the drives of the daemon’s host that could be written.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --all --json',
  ];
  static override flags = {
    all: Flags.boolean({ summary: 'Every drive, with the reason against writing it.' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(UsbList);
    const { drives } = await this.client(flags).call('drives.list', { all: flags.all });
    if (drives.length === 0 && !flags.all) {
      this.note('No drive that could be written. Plug one in, or see all with --all.');
    }
    this.log('%s', await table(flags.all ? [...columns, refusal] : columns, drives));
    return { drives };
  }
}
