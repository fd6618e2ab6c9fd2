// What must hold in the end, whatever has happened.
import { isWell } from './nodes.mjs';
import { becomes } from './waiting.mjs';

/** The longest wait of an agent before it tries again, a try that fails, and two heartbeats. */
const SETTLE_MS = 60_000;
const PAGE = 500;
const MIB = 1 << 20;
const MAX_DAEMON_BYTES = 400 * MIB;
/** More than the 90 MB of docs/adr/0020: those are of an agent that is not told something new all the time. */
const MAX_AGENT_BYTES = 128 * MIB;
/** How an agent puts it that its daemon ended a connection for what came over it. */
const SENT_AWAY = 'closed the connection (1008)';
/** All that can happen to a node, of which its status may tell. */
const LIFE_EVENTS = [
  'write',
  'written',
  'write-failed',
  'join',
  'reject',
  'healthy',
  'ailing',
  'silent',
  'given-up',
  'leave',
  'retire',
];

/** Waits until all is as it was last told, and says what is not. @param written - of each agent, what was acknowledged. */
export async function settle({ daemon, agents, require }, written) {
  let wrong = [];
  const from = performance.now();
  await becomes(async () => {
    const found = await Promise.all(
      agents.map((agent, n) => differences(daemon, agent, written[n].state)),
    );
    wrong = found.flat();
    return wrong.length === 0;
  }, SETTLE_MS);
  for (const what of wrong) require(false, what);
  const { nodes } = await daemon.insist('nodes.list', { retired: true });
  require(nodes
    .map(({ id }) => id)
    .toSorted()
    .join() ===
    agents
      .map(({ id }) => id)
      .toSorted()
      .join(), `${agents.length} machines joined, and there are the nodes ${nodes.map(({ name }) => name).join(', ')}`);
  return Math.round(performance.now() - from);
}

async function differences(daemon, agent, acknowledged) {
  const [node, kept, status, { node: self }, log] = await Promise.all([
    daemon.insist('nodes.get', { node: agent.id }),
    agent.target(),
    agent.status(),
    agent.membership(),
    agent.log(),
  ]);
  const { generation, observedGeneration, problems } = node.agent;
  const wanted = wishOf({ ...node, generation, drained: node.drained !== undefined });
  const isDrained = node.drained !== undefined;
  const has = { ...node, isDrained };
  return [
    ...Object.entries(acknowledged)
      .filter(([what, value]) => !includes(has[what], value))
      .map(([what, value]) => `${what} is not ${JSON.stringify(value)}, as was acknowledged`),
    ...(isWell(node) ? [] : [`is ${node.status}: ${node.statusReason ?? 'no reason'}`]),
    ...(observedGeneration === generation
      ? []
      : [`has reached ${observedGeneration} of ${generation}`]),
    ...problems.map(({ code, message }) => `still says ${code}: ${message}`),
    ...(wishOf(kept) === wanted ? [] : [`keeps ${wishOf(kept)}, and is to be ${wanted}`]),
    ...(status.state === 'connected' && status.pid === agent.process.pid
      ? []
      : [`its agent's status is ${JSON.stringify(status)}, its pid ${agent.process.pid}`]),
    ...(log.includes(SENT_AWAY) ? ['was sent away by its daemon'] : []),
    ...(self?.id === agent.id ? [] : [`is ${self?.id} now and was ${agent.id}`]),
  ].map((what) => `${agent.name}: ${what}`);
}

function includes(has, value) {
  if (typeof value !== 'object') return has === value;
  return Object.entries(value).every(([key, part]) => has?.[key] === part);
}

/** What a node is to be, as text in one order. */
function wishOf({ name, generation, drained, offer = {} }) {
  const { cpuMillis, memoryBytes, diskBytes } = offer;
  return JSON.stringify({ name, generation, drained, cpuMillis, memoryBytes, diskBytes });
}

/** Every event was seen once and in order by all who followed; each change has told of itself; and each node's way is one that a node can go. */
export async function judgeEvents(
  { daemon, agents, kills, require, nextStatus },
  from,
  followers,
  written,
) {
  const { cursor: latest } = await daemon.insist('events.list', {});
  await Promise.all(followers.map((follower) => follower.until(latest)));
  const all = await eventsBetween(daemon, from, latest);
  const cursors = all.map(({ cursor }) => cursor);
  for (const [n, { seen }] of followers.entries()) {
    const twice = seen.length - new Set(seen).size;
    const seenOnes = new Set(seen);
    const missing = cursors.filter((cursor) => !seenOnes.has(cursor)).length;
    require(seen.join() ===
      cursors.join(), `follower ${n}: ${missing} events missing, ${twice} seen twice, or not in order`);
  }
  require(cursors.every(
    (cursor, n) => n === 0 || BigInt(cursor) > BigInt(cursors[n - 1]),
  ), 'events: cursors do not rise');
  for (const [n, agent] of agents.entries()) {
    const own = all.filter(({ object }) => object.id === agent.id);
    const told = own.filter(({ type }) => /^node\.(updated|drained|undrained)$/.test(type)).length;
    const changes = written[n].count + agent.ownChanges;
    // What was done just before a kill, and is asked once more, is done once more.
    require(told >= changes &&
      told <= changes + kills, `${agent.name}: ${changes} changes, and ${told} events of them`);
    const way = own.filter(({ type }) => type === 'node.status-changed');
    for (const what of strayed(way, nextStatus)) require(false, `${agent.name}: ${what}`);
  }
  return all;
}

async function eventsBetween(daemon, from, latest) {
  const all = [];
  let after = from;
  while (BigInt(after) < BigInt(latest)) {
    const { events } = await daemon.insist('events.list', { after, limit: PAGE });
    if (events.length === 0) break;
    all.push(...events);
    after = events.at(-1).cursor;
  }
  return all.filter(({ cursor }) => BigInt(cursor) <= BigInt(latest));
}

/** Steps that do not begin where the last one ended, or that no event of a node's life takes. */
function strayed(way, nextStatus) {
  const wrong = [];
  let at = 'joining';
  for (const { payload } of way) {
    const { from, status } = payload;
    const isStep =
      from === status || LIFE_EVENTS.some((event) => nextStatus(from, event) === status);
    if (from !== at || !isStep) wrong.push(`went from ${from} to ${status} when it was ${at}`);
    at = status;
  }
  return wrong;
}

/** What it costs stays within bounds. Answers that in MiB: of the daemon the most at any time, of the agents the largest now that all is quiet. */
export function judgeMemory({ daemon, agents, require }) {
  const daemonBytes = daemon.measure();
  const agentBytes = Math.max(...agents.map((agent) => agent.process.residentBytes));
  require(daemonBytes <= MAX_DAEMON_BYTES, `daemon: took ${mib(daemonBytes)} MiB`);
  require(agentBytes <= MAX_AGENT_BYTES, `agents: one takes ${mib(agentBytes)} MiB`);
  return { daemonMib: mib(daemonBytes), agentMib: mib(agentBytes) };
}

function mib(bytes) {
  return Math.round(bytes / MIB);
}
