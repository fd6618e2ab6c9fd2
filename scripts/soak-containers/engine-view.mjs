// What the engine says, asked past the code under test, and what the kernel has counted.
import http from 'node:http';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const TIMEOUT_MS = 10_000;
const CONTROLLERS = '/sys/fs/cgroup/cpuacct';
const UNIFIED = '/sys/fs/cgroup';

/** @param node - id of the node whose containers are looked at. */
export function engineView(socketPath, node) {
  const ask = (call) => get(socketPath, call);
  const filters = encodeURIComponent(JSON.stringify({ label: [`syntropy.node=${node}`] }));
  return {
    /** Every container of the node, whatever its state. */
    list: async () => (await ask(`/containers/json?all=1&filters=${filters}`)).map(listed),
    inspect: async (id) => inspected(await ask(`/containers/${id}/json`)),
    volumes: async () => {
      const { Volumes } = await ask('/volumes');
      return (Volumes ?? []).map(({ Name }) => Name).filter((name) => name.startsWith('syntropy-'));
    },
  };
}

/** The counters of processor time of the leases of a node, in microseconds, for as long as their cgroups are there. */
export function leaseCounters(node) {
  const name = `syntropy-${node.slice(0, 8)}`;
  const isV1 = existsSync(CONTROLLERS);
  const root = path.join(isV1 ? CONTROLLERS : UNIFIED, name);
  const read = (lease) => {
    const folder = path.join(root, lease);
    if (isV1) return Number(readFileSync(path.join(folder, 'cpuacct.usage'), 'utf8')) / 1_000;
    const [, micros] = /usage_usec (\d+)/.exec(readFileSync(path.join(folder, 'cpu.stat'), 'utf8'));
    return Number(micros);
  };
  return () => {
    const counters = new Map();
    if (!existsSync(root)) return counters;
    for (const entry of readdirSync(root, { withFileTypes: true })) {
      if (!entry.isDirectory()) continue;
      try {
        counters.set(entry.name, read(entry.name));
      } catch {
        // It went while it was read.
      }
    }
    return counters;
  };
}

/**
 * Cgroups of containers that the kernel has processes of. Docker, killed before a start, leaves the runtime behind, which runs nothing and waits to be told to:
 * it may stay for as long as its lease does.
 */
export function leaseProcesses(node) {
  const root = path.join(
    existsSync(CONTROLLERS) ? CONTROLLERS : UNIFIED,
    `syntropy-${node.slice(0, 8)}`,
  );
  return (leases) => {
    if (!existsSync(root)) return [];
    return (
      readdirSync(root, { recursive: true })
        .filter((file) => path.basename(file) === 'cgroup.procs')
        // Podman's own, one for all containers of a lease.
        .filter(
          (file) => !leases.has(path.dirname(path.dirname(file))) || !file.includes('/conmon/'),
        )
        .filter((file) => isInhabited(path.join(root, file), leases.has(file.split(path.sep)[0])))
        .map((file) => path.dirname(file))
    );
  };
}

function isInhabited(file, mayWait) {
  try {
    const pids = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    const words = pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    return words.some((line) => !mayWait || !line.startsWith('runc\0init'));
  } catch {
    // It has just ended.
    return false;
  }
}

function listed({ Id, State, Labels }) {
  return {
    id: Id,
    state: State,
    lease: Labels['syntropy.lease'],
    specHash: Labels['syntropy.spec-hash'],
  };
}

function inspected({ Id, State, Config, RestartCount }) {
  const stamp = (Config.Env ?? [])
    .find((word) => word.startsWith('STAMP='))
    ?.slice('STAMP='.length);
  return {
    id: Id,
    pid: State.Pid,
    startedAt: State.StartedAt,
    restarts: RestartCount ?? 0,
    born: bornAt(State.Pid),
    stamp,
  };
}

/** When a process began, in ticks since the machine did: a number is given again, this with it is not. */
function bornAt(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined;
  }
}

function get(socketPath, call) {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath, path: `/v1.41${call}`, timeout: TIMEOUT_MS });
    request.on('timeout', () => request.destroy(new Error('The engine says nothing.')));
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (text += part));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`${call}: ${text}`));
        else resolve(JSON.parse(text));
      });
    });
  });
}
