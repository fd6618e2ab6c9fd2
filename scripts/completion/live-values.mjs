/**
 * Where a shell should offer values that only the daemon knows: the first argument of a command, or the value of a flag, and what
 * `syntropy __complete` is asked for. One table for all shells.
 */
export const liveValues = [
  { command: 'node status', kind: 'nodes' },
  { command: 'node health', kind: 'nodes' },
  { command: 'node wait', kind: 'nodes' },
  { command: 'node update', kind: 'nodes' },
  { command: 'node delete', kind: 'nodes' },
  { command: 'node create', flag: '--usb', kind: 'drives' },
  { command: 'node create', flag: '--owner', kind: 'members' },
  { command: 'container status', kind: 'containers' },
  { command: 'container logs', kind: 'containers' },
  { command: 'container start', kind: 'containers' },
  { command: 'container stop', kind: 'containers' },
  { command: 'container restart', kind: 'containers' },
  { command: 'container remove', kind: 'containers' },
  { command: 'container exec', kind: 'containers' },
  { command: 'container stats', kind: 'containers' },
  { command: 'container events', kind: 'containers' },
  { command: 'container update', kind: 'containers' },
  { command: 'container rollback', kind: 'containers' },
  { command: 'container history', kind: 'containers' },
  { command: 'container usage', kind: 'containers' },
  { command: 'container deploy', flag: '--node', kind: 'nodes' },
  { command: 'container deploy', flag: '--pay-from', kind: 'nodes' },
  { command: 'container deploy', flag: '--secret', kind: 'secrets' },
  { command: 'container deploy', flag: '--registry-auth', kind: 'secrets' },
  { command: 'container update', flag: '--secret', kind: 'secrets' },
  { command: 'container update', flag: '--registry-auth', kind: 'secrets' },
  { command: 'container list', flag: '--node', kind: 'nodes' },
  { command: 'container secret set', kind: 'secrets' },
  { command: 'container secret remove', kind: 'secrets' },
  { command: 'operation show', kind: 'operations' },
  { command: 'operation wait', kind: 'running-operations' },
  { command: 'operation cancel', kind: 'running-operations' },
  { command: 'member update', kind: 'members' },
  { command: 'member remove', kind: 'members' },
  { command: 'member add', flag: '--role', kind: 'roles' },
  { command: 'member update', flag: '--role', kind: 'roles' },
  { command: 'member list', flag: '--role', kind: 'roles' },
  { command: 'member remove', flag: '--transfer-to', kind: 'members' },
  { command: 'role show', kind: 'roles' },
  { command: 'role set', kind: 'roles' },
  { command: 'role remove', kind: 'roles' },
  { command: 'token revoke', kind: 'tokens' },
  { command: 'token list', flag: '--member', kind: 'members' },
  { command: 'token revoke', flag: '--member', kind: 'members' },
  { command: 'audit list', flag: '--member', kind: 'members' },
  { command: 'context use', kind: 'contexts' },
  { command: 'context remove', kind: 'contexts' },
];

/** Flags of every command with such values, and what follows them is handed on to `__complete`. */
export const globalKinds = [
  { flag: '--context', kind: 'contexts' },
  { flag: '--as', kind: 'members' },
];

/** Global flags that say whom to ask. */
export const whereFlags = ['--state-dir', '--context'];

export const argumentKinds = liveValues.filter(({ flag }) => flag === undefined);
export const flagKinds = liveValues.filter(({ flag }) => flag !== undefined);
