// A real engine, a daemon and an agent beside it, and the containers that are left alone.
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { loadSource } from '../load-source.mjs';
import { soakDaemon } from '../soak-agents/daemon.mjs';
import { becomes } from '../soak-agents/waiting.mjs';
import { containerAgent } from './agent.mjs';
import { CHANGED, changedContainer, specOf } from './changes.mjs';
import { engineView, leaseCounters, leaseProcesses } from './engine-view.mjs';
import { NUMBERS } from './logs.mjs';

const IMAGE = 'local/soak:1';
const NODE = 'soak';
const CONTROLS = ['left-1', 'left-2', 'left-3'];
const OFFER = { cpuMillis: 8_000, memoryBytes: 2 ** 31, diskBytes: 2 ** 30 };
const UP_MS = 60_000;

/** @param closers - takes what is to be undone, in the opposite order. */
export async function openWorld({ kind, home, closers, note, require }) {
  const { startDocker, startPodman } = await loadSource('test/support/engines.ts');
  const { SyntropyClient } = await loadSource('src/client/client.ts');
  const { localSocket } = await loadSource('src/client/node/local-socket.ts');
  const { resolveStatePaths } = await loadSource('src/core/config/state-paths.ts');
  let lent;
  // Last of all: what is in it is the engine's.
  closers.push(() => (lent === undefined ? undefined : removeLent(lent)));
  const engine = await (kind === 'docker' ? startDocker() : startPodman());
  closers.push(() => engine[Symbol.asyncDispose]());
  await engine.importBusybox(IMAGE);
  const daemon = soakDaemon({
    home,
    machine: { namespace: engine.namespace, address: '127.0.0.1' },
    clientOf: (stateDir) =>
      new SyntropyClient({ transport: localSocket(resolveStatePaths(stateDir).socketPath) }),
  });
  closers.push(() => daemon.close());
  await daemon.start();
  const stateDir = path.join(home, NODE);
  await mkdir(stateDir);
  const agent = containerAgent({ engine, stateDir, onBroken: (what) => require(false, what) });
  closers.push(() => agent.close());
  const node = await joined(daemon, agent);
  lent = node.id;
  const world = {
    daemon,
    engine,
    agent,
    parts: { daemon, engine, agent },
    image: IMAGE,
    node: NODE,
    view: engineView(engine.socketPath, node.id),
    counters: leaseCounters(node.id),
    processes: leaseProcesses(node.id),
    controls: CONTROLS.map((name) => ({ name })),
    changed: CHANGED.map(changedContainer),
    away: 0,
    wholeSinceMs: 0,
    isWhole: () => world.away === 0,
    ids: () => [...world.controls.map(({ id }) => id), ...world.changed.flatMap(({ ids }) => ids)],
    keyOf: () => randomUUID(),
    note,
    require,
  };
  for (const control of world.controls) {
    const input = { name: control.name, node: NODE, ...specOf(IMAGE, NUMBERS) };
    control.id = (await daemon.insist('containers.deploy', input, randomUUID())).id;
  }
  return world;
}

/** Its cgroup is the agent's to make, and stays when an agent is killed. */
async function removeLent(id) {
  const { removeCgroups } = await loadSource('test/support/leftovers.ts');
  await removeCgroups(`syntropy-${id.slice(0, 8)}`);
}

async function joined(daemon, agent) {
  const { token } = await daemon.insist('nodeTokens.create', { daemonUrl: daemon.url });
  const node = await agent.join({ token, name: NODE });
  agent.start();
  await daemon.insist('nodes.update', { node: NODE, offer: OFFER });
  const isUp = await becomes(async () => {
    const { agent: told } = await daemon.insist('nodes.get', { node: NODE });
    return told?.engine !== undefined;
  }, UP_MS);
  if (!isUp) throw new Error('The agent finds no engine.');
  return node;
}
