import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';

import type { AgentFrame } from '../../src/contract/agent/protocol.js';
import type {
  Assignment,
  LeaseReport,
  UsageRecordFrame,
  Work,
} from '../../src/contract/agent/work.js';
import type { NodeEngine } from '../../src/core/types/models/container.js';
import type { RemoteWorld, Replica } from './remote-world.js';

import { AGENT_PATH, AGENT_PROTOCOLS, proofText } from '../../src/contract/agent/protocol.js';
import { messageText } from '../../src/core/platform/common/message-text.js';
import { gridTls } from '../../src/agent/pinned-tls.js';
import { joinToken, testAgent } from './agents.js';
import { waitFor } from './wait-for.js';

const MIB = 2 ** 20;

export const ENGINE: NodeEngine = {
  kind: 'docker',
  version: '20.10.24',
  cgroup: 'v1',
  architecture: 'amd64',
};
export const OFFER = { cpuMillis: 4_000, memoryBytes: 2_048 * MIB };

export type Said = Partial<LeaseReport>;

/** What a worker makes of an assignment: what it reports, or nothing. */
export type Conduct = (assignment: Assignment) => Said | undefined;

const runs: Conduct = ({ desired }) => ({ phase: desired === 'running' ? 'running' : 'stopped' });

export interface WorkerOptions {
  readonly offer?: Partial<typeof OFFER> | null;
  readonly engine?: NodeEngine | null;
  readonly labels?: Record<string, string>;
  readonly replica?: Replica;
  readonly token?: string;
}

function said(assignment: Assignment, rest: Said): LeaseReport {
  return {
    lease: assignment.lease,
    generation: assignment.generation,
    phase: 'running',
    restarts: 0,
    ports: assignment.spec.ports,
    ...rest,
  };
}

/**
 * A node of the grid whose agent is a script: it speaks the frames of work as an agent does, and does with each assignment what the test says.
 * By default everything that it is given runs at once.
 */
export async function worker(world: RemoteWorld, name: string, options: WorkerOptions = {}) {
  const replica = options.replica ?? world;
  const machine = await testAgent({ machine: randomBytes(32).toString('hex') });
  await machine.join(options.token ?? (await joinToken(replica)), name);
  const membership = await machine.files.membership();
  if (!membership) throw new TypeError('It has joined nothing.');
  const held = new Map<string, Assignment>();
  const works: Work[] = [];
  const assigned: Assignment[] = [];
  const noted: number[] = [];
  const told: unknown[] = [];
  let conduct: Conduct = runs;
  let engine = options.engine === undefined ? ENGINE : options.engine;
  let work: Work | undefined;
  let socket: WebSocket | undefined;
  let closed: { readonly code: number; readonly reason: string } | undefined;

  const send = (frame: AgentFrame | object) => socket?.send(JSON.stringify(frame));
  const report = (leases: readonly LeaseReport[]) =>
    send({
      workReport: {
        generation: work?.generation ?? 0,
        ...(engine ? { engine } : { engineProblem: 'There is no engine.' }),
        leases,
      },
    });
  const act = (assignments: readonly Assignment[]) =>
    assignments.flatMap((assignment) => {
      const rest = conduct(assignment);
      return rest ? [said(assignment, rest)] : [];
    });
  const take = (next: Work) => {
    works.push(next);
    work = next;
    const missing = next.leases.filter(
      ({ lease, generation }) => held.get(lease)?.generation !== generation,
    );
    const gone = [...held.values()].filter(
      ({ lease }) => !next.leases.some((one) => one.lease === lease),
    );
    for (const { lease } of gone) held.delete(lease);
    if (missing.length > 0) return send({ need: { leases: missing.map(({ lease }) => lease) } });
    report(gone.map((assignment) => said(assignment, { phase: 'ended', ports: [] })));
  };
  const receive = (frame: Record<string, never>) => {
    told.push(frame);
    if (frame['work']) take(frame['work']);
    if (frame['usageNoted']) noted.push(frame['usageNoted']['id']);
    if (frame['assign']) {
      const assignment: Assignment = frame['assign'];
      held.set(assignment.lease, assignment);
      assigned.push(assignment);
      report(act([assignment]));
    }
  };
  const connect = async (at: Replica = replica) => {
    closed = undefined;
    const opened = new WebSocket(`${at.url.replace(/^http/, 'ws')}${AGENT_PATH}`, {
      ...gridTls(membership.caCertificate),
    });
    socket = opened;
    opened.on('close', (code, reason) => {
      closed = { code, reason: reason.toString() };
    });
    const welcome = Promise.withResolvers<undefined>();
    opened.on('error', (error) => welcome.reject(error));
    opened.on('message', (data) => {
      const frame = JSON.parse(messageText(data));
      if (frame.hello) prove(frame.hello.nonce);
      else if (frame.welcome) welcome.resolve(undefined);
      else if (frame.refused) welcome.reject(new Error(frame.refused.code));
      else receive(frame);
    });
    await welcome.promise;
    // All leases after each welcome.
    report(act([...held.values()]));
  };
  const prove = (nonce: string) => {
    const proof = {
      protocol: AGENT_PROTOCOLS.at(-1) ?? 1,
      node: membership.node.id,
      machine: machine.machine,
      bootId: 'boot-1',
      agentVersion: '1.0.0',
      at: new Date().toISOString(),
    };
    const signature = machine.identity.sign(proofText(proof, nonce, membership.caSha256));
    send({ proof: { ...proof, signature } });
  };
  const disconnect = async () => {
    const open = socket;
    socket = undefined;
    if (!open || open.readyState === open.CLOSED) return;
    open.terminate();
    await once(open, 'close');
  };
  if (options.labels || options.offer !== null) {
    await world.admin.call('nodes.update', {
      node: name,
      ...(options.offer === null ? {} : { offer: { ...OFFER, ...options.offer } }),
      ...(options.labels ? { labels: options.labels } : {}),
    });
  }
  await connect();
  await waitFor('the engine to be known', async () => {
    const { agent } = await world.admin.call('nodes.get', { node: name });
    return (agent?.engine ?? agent?.engineProblem) !== undefined;
  });
  return {
    id: membership.node.id,
    name,
    held,
    works,
    assigned,
    /** Ids of the frames of usage that were noted. */
    noted,
    /** Every frame that it was told. */
    told,
    connect,
    disconnect,
    send,
    report,
    said,
    closed: () => waitFor('the connection to be closed', () => closed),
    /** From now on it does this, also with what it holds. */
    behave: (next: Conduct) => {
      conduct = next;
      report(act([...held.values()]));
    },
    /** What it does with what comes from now on. */
    expect: (next: Conduct) => {
      conduct = next;
    },
    setEngine: (next: NodeEngine | null) => {
      engine = next;
      report([]);
    },
    usage: (id: number, records: readonly UsageRecordFrame[]) => send({ usage: { id, records } }),
    beat: (seq: number) =>
      send({ heartbeat: { seq, at: new Date().toISOString(), observedGeneration: 0 } }),
    async [Symbol.asyncDispose]() {
      await disconnect();
      await machine[Symbol.asyncDispose]();
    },
  };
}

export type Worker = Awaited<ReturnType<typeof worker>>;

/** Makes a node look silent for so long, and has the daemon look after its containers. */
export async function silence(world: RemoteWorld, node: Worker, seconds: number): Promise<void> {
  await world.database.pool.query(
    `update node_agents set last_seen_at = now() - $2 * interval '1 second', session_id = null where node_id = $1`,
    [node.id, seconds],
  );
  await world.database.pool.query(
    `update nodes set status = 'offline', status_since = now() where id = $1 and status <> 'offline'`,
    [node.id],
  );
}
