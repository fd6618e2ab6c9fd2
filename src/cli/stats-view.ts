import type { OperationOutput } from '../contract/registry.js';
import type { Column } from './table.js';

import { formatBinary, formatBytes } from './format.js';
import { table } from './table.js';

type Stats = OperationOutput<'containers.stats'>;

const columns: readonly Column<Stats>[] = [
  { title: 'REPLICA', value: ({ replica }) => String(replica) },
  { title: 'NODE', value: ({ node }) => node },
  {
    title: 'CPU',
    value: ({ cpuPercent }) => (cpuPercent === undefined ? '' : `${cpuPercent.toFixed(1)} %`),
  },
  { title: 'MEMORY', value: ({ memoryBytes }) => formatBinary(memoryBytes) },
  { title: 'LIMIT', value: ({ memoryLimitBytes }) => formatBinary(memoryLimitBytes) },
  { title: 'IN', value: ({ rxBytes }) => (rxBytes === undefined ? '' : formatBytes(rxBytes)) },
  { title: 'OUT', value: ({ txBytes }) => (txBytes === undefined ? '' : formatBytes(txBytes)) },
];

/** Gathers what replicas tell one by one into tables: one for each time round. */
export function statsRounds(show: (text: string) => void) {
  const round = new Map<number, Stats>();
  const end = async () => {
    const rows = [...round.values()].toSorted((a, b) => a.replica - b.replica);
    round.clear();
    if (rows.length > 0) show(await table(columns, rows));
  };
  return {
    async add(stats: Stats): Promise<void> {
      if (round.has(stats.replica)) await end();
      round.set(stats.replica, stats);
    },
    end,
  };
}
