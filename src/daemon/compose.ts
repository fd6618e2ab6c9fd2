import type { FastifyInstance } from 'fastify';

import os from 'node:os';

import type { DaemonAddress } from '../core/services/node/node.ports.js';
import type { Agents } from './compose-agents.js';
import type { Identity } from './compose-identity.js';
import type { DaemonFacts } from './operations/daemon.js';

import { type Leadership, seekLeadership } from '../core/storage/postgres/leader.js';
import { listen } from '../core/storage/postgres/listener.js';
import { composeAgents } from './compose-agents.js';
import { composeCalls } from './compose-calls.js';
import { composeIdentity, gridId } from './compose-identity.js';
import { mailbox } from './compose-orders.js';
import { composeTransports } from './compose-transports.js';
import { type ComposedSink, composeSink } from './compose-sink.js';
import { EventHub } from './events/event-hub.js';
import { RoomSeeker } from './jobs/room-seeker.js';
import { startHousekeeping } from './jobs/housekeeping.js';
import { OperationRunner } from './jobs/operation-runner.js';
import { createLimits } from './limits/policy.js';
import { composeObservability, type Observability } from './observability/observability.js';
import { now, openStores, type Parts, retentionOf, type Stores } from './parts.js';
import { openReplicas, type Replicas } from './replicas.js';
import { version } from '../core/utils/version.js';

/** Sessions that have ended are kept this long, so that a refresh token that comes late is still told from an unknown one. */
const KEEP_SESSIONS_DAYS = 30;

/** A daemon, wired. The API for members elsewhere listens already, if there is to be one; the local socket does not yet. */
export interface Daemon {
  readonly rest: FastifyInstance;
  readonly facts: () => DaemonFacts;
  /** How many operations a crash had left running; they are marked by now. */
  readonly interrupted: number;
  /** Ends jobs (they are recorded as interrupted), then open streams and requests. The database stays open. */
  close(): Promise<void>;
}

/** Builds the one daemon object graph. Everything that a piece needs is given here, by name. */
export async function compose(parts: Parts): Promise<Daemon> {
  const { config, database, log, daemonId, paths } = parts;
  const startedAt = now();
  const sink = composeSink(config, log);
  const stores = openStores(parts);
  const interrupted = await takeUp(parts, stores, startedAt);
  const replicas = await composeReplicas(parts);
  const observed = composeObserved(parts, replicas, sink);
  const limits = observed.limits(createLimits(replicas.limiter, config));
  const identity = await composeIdentity(parts, limits, now);
  const hub = new EventHub(stores.events);
  const runner = new OperationRunner(log);
  let reachable: Pick<DaemonFacts, 'api' | 'opsUrl'> = { api: undefined, opsUrl: '' };
  const address = () => addressOf(parts, identity, reachable.api?.url);
  const agents = composeAgents(parts, stores, identity, address, sink?.samples);
  const leadership = seekLeadership(database.connection);
  const wakers = { parts, stores, replicas, identity, agents, hub, runner, leadership };
  const listener = composeWakeUps(wakers);

  const facts = (): DaemonFacts => ({
    id: daemonId,
    startedAt,
    paths,
    database,
    schemaVersion: parts.schemaVersion,
    runningOperations: runner.count,
    caSha256: identity.caSha256,
    ...reachable,
  });
  const made = { stores, identity, agents, address, limits, hub, runner, replicas, facts };
  const calls = composeCalls({ ...parts, ...made });
  const stopping = new AbortController();
  const transports = await composeTransports({
    config,
    log,
    limits,
    authenticator: identity.authenticator,
    dispatch: observed.dispatch(calls),
    authority: identity.authority,
    agents: agents.door,
    http: observed.http,
    stopping: stopping.signal,
  });
  const ops = await observed.listen({
    runningJobs: () => runner.count,
    followers: () => hub.followers,
    webSockets: transports.connections,
    agents: () => agents.hub.connected,
    influxLines: () => sink?.writer.waiting ?? 0,
  });
  reachable = { api: transports.api, opsUrl: ops.url };
  const housekeeping = startHousekeeping(chores(parts, stores, identity, agents), leadership, log);
  return {
    rest: transports.local,
    facts,
    interrupted,
    async close() {
      observed.stopping();
      stopping.abort();
      const chored = housekeeping.stop();
      log.info({ interrupted: await runner.stopAll() }, 'jobs ended');
      await endConnections({ transports, agents, hub, sink });
      await chored;
      await leadership.close();
      await listener.close();
      replicas.close();
      await stores.daemons.remove(daemonId).catch(() => undefined);
      await ops.close();
    },
  };
}

/** What machines are told of this daemon. */
function addressOf(
  { config }: Parts,
  { caSha256, caCertificate }: Identity,
  listening: string | undefined,
): DaemonAddress {
  return { publicUrl: config.get('publicUrl') ?? listening, caSha256, caCertificate };
}

/** Tells everyone who is connected to go on elsewhere, then waits for what is under way. */
async function endConnections(open: {
  readonly transports: Awaited<ReturnType<typeof composeTransports>>;
  readonly agents: Agents;
  readonly hub: EventHub;
  readonly sink: ComposedSink | undefined;
}): Promise<void> {
  open.transports.endStreams();
  const heard = open.agents.stop();
  open.hub.close();
  await open.transports.close();
  await heard;
  // After the last heartbeats.
  await open.sink?.writer.close();
}

/** Says that this daemon lives, and takes up what it or another left behind when it died. Answers how many operations were interrupted. */
async function takeUp(
  { daemonId }: Parts,
  { daemons, provisioning, audit, idempotency }: Stores,
  startedAt: Date,
): Promise<number> {
  await daemons.register({ id: daemonId, host: os.hostname(), pid: process.pid, startedAt });
  const others = (await daemons.alive()).filter((id) => id !== daemonId);
  const interrupted = await provisioning.interruptOrphans(others, now());
  await audit.adopt(others);
  await idempotency.releaseOwn();
  return interrupted;
}

async function composeReplicas(parts: Parts): Promise<Replicas> {
  return openReplicas({
    redisUrl: parts.config.get('redis.url'),
    namespace: await gridId(parts, now),
    release: version,
    onTrouble: (what, details) => parts.log.warn(details, what),
  });
}

/** What this daemon can do without, for its readiness. */
function redisPart(replicas: Replicas): Readonly<Record<string, () => 'ok' | 'degraded'>> {
  if (replicas.state() === 'local') return {};
  return { redis: () => (replicas.state() === 'ok' ? 'ok' : 'degraded') };
}

/** What the daemon is watched by, with what it can do without. */
function composeObserved(
  parts: Parts,
  replicas: Replicas,
  sink: ComposedSink | undefined,
): Observability {
  const optional = { ...redisPart(replicas), ...influxPart(sink) };
  const { pool } = parts.database;
  const observed = composeObservability({ ...parts, pool, parts: optional });
  sink?.writer.countWith(observed.influx);
  return observed;
}

function influxPart(
  sink: ComposedSink | undefined,
): Readonly<Record<string, () => 'ok' | 'degraded'>> {
  return sink ? { influx: () => sink.writer.state } : {};
}

/** Hears of what happens here and on other daemons, and forgets what it thereby no longer knows. */
function composeWakeUps(deps: {
  readonly parts: Parts;
  readonly stores: Stores;
  readonly replicas: Replicas;
  readonly identity: Identity;
  readonly agents: Agents;
  readonly hub: EventHub;
  readonly runner: OperationRunner;
  readonly leadership: Leadership;
}) {
  const { parts, stores, replicas, identity, agents, hub, runner, leadership } = deps;
  const seeker = new RoomSeeker({
    leases: agents.containers.leases,
    leads: () => leadership.leads,
    log: parts.log,
  });
  const cancelAsked = async () => {
    for (const id of await stores.operations.toCancel(parts.daemonId)) runner.cancel(id);
  };
  const woken = (type: string | undefined) => {
    identity.onEvent(type);
    agents.hub.onEvent(type);
    seeker.onEvent(type);
    if (type === undefined || type === 'operation.cancel-requested') {
      cancelAsked().catch((error: unknown) => parts.log.warn({ err: error }, 'cancelling failed'));
    }
    hub.wake();
  };
  replicas.wakeUps.onWake(woken);
  const listener = listen(parts.database.connection, {
    syntropy_events: woken,
    [mailbox(parts.daemonId)]: agents.receive,
  });
  return {
    async close() {
      await listener.close();
      await seeker.close();
    },
  };
}

/** What is done by the clock, and by whom. */
function chores(
  { config, daemonId }: Parts,
  { daemons, provisioning, machines, samples, events, idempotency, audit }: Stores,
  { sessionStore, keys }: Identity,
  agents: Agents,
) {
  return {
    beat: { what: 'heartbeat', work: () => daemons.beat(daemonId) },
    sweep: [
      { what: 'looking for nodes that fell silent', work: agents.sweep },
      { what: 'looking after containers', work: () => agents.containers.leases.tend() },
      { what: 'settling nodes that came and went', work: () => machines.settle() },
      { what: 'rolling samples up', work: () => samples.rollUp() },
      {
        what: 'taking up operations of dead daemons',
        work: async () => provisioning.interruptOrphans(await daemons.alive(), now()),
      },
      {
        what: 'entering calls of dead daemons',
        work: async () => audit.adopt(await daemons.alive()),
      },
    ],
    prune: [
      {
        what: 'pruning events',
        work: () => events.prune(config.get('events.maxRows'), config.get('events.maxAgeDays')),
      },
      { what: 'pruning samples', work: () => samples.prune(retentionOf(config)) },
      { what: 'pruning idempotency keys', work: () => idempotency.prune() },
      { what: 'pruning the audit log', work: () => audit.prune(config.get('audit.maxAgeDays')) },
      { what: 'pruning sessions', work: () => sessionStore.prune(KEEP_SESSIONS_DAYS) },
      {
        what: 'renewing the signing key',
        work: () => keys.rotateWhenOld(config.get('auth.keyRotationDays'), now()),
      },
    ],
  };
}
