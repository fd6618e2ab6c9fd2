/**
 * Where a shell should offer values that only the daemon knows: the first argument of a command, or the value of a flag, and what
 * `syntropy __complete` is asked for. One table for all shells.
 */
export const liveValues = [
  { command: 'node status', kind: 'nodes' },
  { command: 'node wait', kind: 'nodes' },
  { command: 'node update', kind: 'nodes' },
  { command: 'node delete', kind: 'nodes' },
  { command: 'node create', flag: '--usb', kind: 'drives' },
  { command: 'operation show', kind: 'operations' },
  { command: 'operation wait', kind: 'running-operations' },
  { command: 'operation cancel', kind: 'running-operations' },
];

export const argumentKinds = liveValues.filter(({ flag }) => flag === undefined);
export const flagKinds = liveValues.filter(({ flag }) => flag !== undefined);
