import type {
  ContainerFacts,
  RunLabels,
  RunningContainer,
  RunState,
} from '../../../services/container/runtime.ports.js';

import { isOfGrid } from '../../../services/container/run-name.js';
import { LABELS } from './container-body.js';
import { type Json, listOf, numberOf, objectOf, textOf } from './json.js';

/** The words of all engines; `paused` is somebody's doing by hand, and the program is there. */
const STATES: Readonly<Record<string, RunState>> = {
  created: 'created',
  configured: 'created',
  initialized: 'created',
  running: 'running',
  paused: 'running',
  restarting: 'restarting',
  stopping: 'stopping',
  exited: 'exited',
  stopped: 'exited',
  removing: 'dead',
  dead: 'dead',
};

/** Of one entry of a listing; undefined for what is none of ours. */
export function listedContainer(entry: unknown): RunningContainer | undefined {
  const container = objectOf(entry);
  const id = textOf(container['Id']);
  const labels = labelsOf(objectOf(container['Labels']));
  const state = stateOf(container['State']);
  if (id === undefined || !labels) return undefined;
  const names = listOf(container['Names']).map(nameOf);
  // One that is half removed has no name any more; looking closely tells which it was.
  if (names.length === 0 && state === 'dead') return { id, name: id, labels, state };
  const name = names.find((one) => isOfGrid(one, labels));
  return name === undefined ? undefined : { id, name, labels, state };
}

/** Of what inspecting answers; undefined for what is none of ours. */
export function inspectedContainer(body: unknown): ContainerFacts | undefined {
  const container = objectOf(body);
  const state = objectOf(container['State']);
  const id = textOf(container['Id']);
  const name = nameOf(container['Name']);
  const labels = labelsOf(objectOf(objectOf(container['Config'])['Labels']));
  if (id === undefined || !labels || !isOfGrid(name, labels)) return undefined;
  const phase = stateOf(state['Status']);
  const isRunning = phase === 'running';
  const exitCode = numberOf(state['ExitCode']);
  const finishedAt = timeOf(state['FinishedAt']);
  const pid = numberOf(state['Pid']);
  return {
    id,
    name,
    labels,
    state: phase,
    pid: isRunning && pid !== undefined && pid > 0 ? pid : undefined,
    exitCode: !isRunning && (finishedAt !== undefined || exitCode !== 0) ? exitCode : undefined,
    oomKilled: state['OOMKilled'] === true,
    restarts: numberOf(container['RestartCount']) ?? 0,
    startedAt: timeOf(state['StartedAt']),
    finishedAt,
    error: textOf(state['Error'])?.slice(0, 500),
    ports: isRunning ? portsOf(objectOf(objectOf(container['NetworkSettings'])['Ports'])) : [],
  };
}

/** Undefined where one is missing. */
function labelsOf(labels: Json): RunLabels | undefined {
  const node = textOf(labels[LABELS.node]);
  const lease = textOf(labels[LABELS.lease]);
  const container = textOf(labels[LABELS.container]);
  const replica = textOf(labels[LABELS.replica]);
  const specHash = textOf(labels[LABELS.specHash]);
  if (node === undefined || lease === undefined || container === undefined) return undefined;
  if (replica === undefined || specHash === undefined) return undefined;
  return { node, lease, container, replica, specHash };
}

/** Docker's begin with a slash. */
function nameOf(value: unknown): string {
  return (textOf(value) ?? '').replace(/^\//, '');
}

function stateOf(word: unknown): RunState {
  return STATES[textOf(word) ?? ''] ?? 'dead';
}

/** The zero of Go is no time. */
function timeOf(value: unknown): string | undefined {
  const text = textOf(value);
  return text === undefined || text.startsWith('0001-') ? undefined : text;
}

/** Bound to all addresses of a host, IPv4 and IPv6, a port is one port. */
function portsOf(ports: Json): ContainerFacts['ports'] {
  const found = new Map<string, ContainerFacts['ports'][number]>();
  for (const [key, bindings] of Object.entries(ports)) {
    const [number, protocol] = key.split('/');
    if (protocol !== 'tcp' && protocol !== 'udp') continue;
    for (const binding of listOf(bindings)) {
      const host = Number(textOf(objectOf(binding)['HostPort']));
      const container = Number(number);
      if (host > 0) found.set(`${host}/${key}`, { host, container, protocol });
    }
  }
  return [...found.values()].toSorted((a, b) => a.container - b.container || a.host - b.host);
}
