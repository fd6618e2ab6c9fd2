import { setTimeout as pause } from 'node:timers/promises';

const MIB = 1 << 20;
const LONGEST_PAUSE_MS = 250;
const HELD_MS = 50;
/** Now and then somebody's script changes a node as fast as it can. */
const HASTE_EVERY = 100;
const HASTE_CHANGES = 60;

/** What is said of a node, each as an operation, its input, and what is so once it is acknowledged. */
const kinds = [
  (n, { name }) => {
    const renamed = `${name}-r${n}`;
    return { operation: 'nodes.update', input: { name: renamed }, so: { name: renamed } };
  },
  (n) => {
    const location = `shelf ${n}`;
    return { operation: 'nodes.update', input: { location }, so: { location } };
  },
  (n) => {
    const labels = { write: String(n) };
    return { operation: 'nodes.update', input: { labels }, so: { labels } };
  },
  (n) => {
    const offer = { cpuMillis: (n % 10) * 100, memoryBytes: n * MIB };
    return { operation: 'nodes.update', input: { offer }, so: { offer } };
  },
  (n, _, { isDrained }) =>
    isDrained
      ? { operation: 'nodes.undrain', input: {}, so: { isDrained: false } }
      : { operation: 'nodes.drain', input: { reason: `${n}` }, so: { isDrained: true } },
];

/**
 * Changes one node again and again until the signal aborts; nobody else does. A change is sent again, with its key, until it is acknowledged.
 * Answers how many were, and what is so after them.
 */
export async function change(daemon, agent, node, random, signal) {
  const acknowledged = { count: 0, state: { isDrained: false } };
  for (let n = 1; !signal.aborted; n += 1) {
    while (agent.isHeld && !signal.aborted) {
      agent.isParked = true;
      await pause(HELD_MS);
    }
    agent.isParked = false;
    if (signal.aborted) break;
    const kind = kinds[Math.floor(random() * kinds.length)];
    const { operation, input, so } = kind(n, agent, acknowledged.state);
    await daemon.insist(operation, { node, ...input }, `${agent.name}-${n}`);
    acknowledged.count += 1;
    acknowledged.state = { ...acknowledged.state, ...so };
    if (n % HASTE_EVERY >= HASTE_CHANGES) await pause(random() * LONGEST_PAUSE_MS);
  }
  return acknowledged;
}
