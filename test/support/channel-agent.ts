import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';

import type { AgentFrame, DaemonFrame } from '../../src/contract/agent/protocol.js';
import type { ReplicaStats } from '../../src/contract/agent/channel.js';
import type { RemoteWorld, Replica } from './remote-world.js';

import { Channels } from '../../src/agent/channels/channels.js';
import { roomIn } from '../../src/agent/channels/room.js';
import { gridTls } from '../../src/agent/pinned-tls.js';
import { AGENT_PATH, proofText } from '../../src/contract/agent/protocol.js';
import { specOf } from '../../src/core/services/container/defaults.js';
import { messageText } from '../../src/core/platform/common/message-text.js';
import { ADMIN_ID } from '../../src/core/types/constants/admin.js';
import { joinToken, testAgent } from './agents.js';
import { MemoryRuntime, type TwinOptions } from './memory-runtime.js';
import { waitFor } from './wait-for.js';

export interface ChannelAgentOptions extends TwinOptions {
  /** Of the node. */
  readonly name?: string;
  /** What every replica uses. */
  readonly stats?: ReplicaStats;
}

/** A node whose agent has channels and nothing else, over an engine that is only memory; connected to a daemon as a real one is. */
export async function channelAgent(
  world: RemoteWorld,
  at: Replica = world,
  { name = 'node-01', stats, ...twin }: ChannelAgentOptions = {},
) {
  const agent = await testAgent();
  await agent.join(await joinToken(at), name);
  const membership = await agent.files.membership();
  if (!membership) throw new TypeError('It has joined nothing.');
  const { identity, machine } = agent;
  const runtime = new MemoryRuntime(twin);
  const replicas = new Map<string, string>();
  const socket = new WebSocket(`${at.url.replace(/^http/, 'ws')}${AGENT_PATH}`, {
    ...gridTls(membership.caCertificate),
    perMessageDeflate: false,
  });
  const told: { onSent: (frame: AgentFrame) => void } = { onSent: () => undefined };
  const send = (frame: AgentFrame) => {
    told.onSent(frame);
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  };
  const bugs: unknown[] = [];
  const channels = new Channels({
    replicaOf: (lease) => {
      const containerId = replicas.get(lease);
      return containerId === undefined ? undefined : { runtime, containerId };
    },
    statsOf: () => Promise.resolve(stats),
    send,
    room: () => roomIn(socket),
    log: { error: (_, details) => void bugs.push(details) },
  });
  const asked: DaemonFrame[] = [];
  const welcome = Promise.withResolvers<number>();
  const prove = (nonce: string) => {
    const proof = {
      protocol: 1,
      node: membership.node.id,
      machine,
      bootId: 'boot-1',
      agentVersion: '1.0.0',
      at: new Date().toISOString(),
    };
    const signature = identity.sign(proofText(proof, nonce, membership.caSha256));
    send({ proof: { ...proof, signature } });
  };
  socket.on('message', (data) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what our own daemon says, in a test of it
    const frame = JSON.parse(messageText(data)) as DaemonFrame;
    asked.push(frame);
    if ('hello' in frame) prove(frame.hello.nonce);
    else if ('welcome' in frame) welcome.resolve(frame.welcome.heartbeatSeconds);
    else if ('open' in frame) channels.open(frame.open);
    else if ('credit' in frame) channels.credit(frame.credit);
    else if ('feed' in frame) channels.feed(frame.feed);
    else if ('shut' in frame) channels.shut(frame.shut);
  });
  let cut: { readonly code: number; readonly reason: string } | undefined;
  socket.on('close', (code, reason) => {
    cut = { code, reason: reason.toString() };
    channels.closeAll();
  });
  const heartbeatSeconds = await welcome.promise;
  let seq = 0;
  const heartbeat = setInterval(() => {
    seq += 1;
    send({ heartbeat: { seq, at: new Date().toISOString(), observedGeneration: 0 } });
  }, heartbeatSeconds * 1_000);
  return Object.assign(told, {
    runtime,
    channels,
    socket,
    send,
    /** What the daemon has said. */
    asked,
    bugs,
    /** Puts a replica of a container here, as the database has it, and runs it. Answers its id in the engine and its lease. */
    run: async (container: string, replica = 1) => {
      const lease = await placed(world, { container, replica, nodeId: membership.node.id });
      const { id } = await runtime.create({
        name: `syntropy-${container}-${replica}`,
        labels: {
          node: membership.node.id,
          lease,
          container,
          replica: String(replica),
          specHash: 'hash',
        },
        imageId: 'sha256:image',
        env: {},
        mounts: [],
        ports: [],
        hostname: container,
        cpuMillis: 100,
        memoryBytes: 64 << 20,
        pidsLimit: 256,
        restart: 'no',
        stopSeconds: 1,
        capAdd: [],
        writableRoot: false,
        allowPrivilegeEscalation: false,
        log: { maxBytes: 1 << 20, files: 3 },
      });
      await runtime.start(id);
      replicas.set(lease, id);
      return { id, lease };
    },
    /** Breaks off, as a machine does that loses its power. */
    break: async () => {
      const closed = once(socket, 'close');
      socket.terminate();
      await closed;
    },
    /** How the daemon has ended it. */
    closed: () => waitFor('the agent to be cut off', () => cut),
    async [Symbol.asyncDispose]() {
      clearInterval(heartbeat);
      socket.terminate();
      runtime.close();
      await agent[Symbol.asyncDispose]();
    },
  });
}

/** Rows as a deployment leaves them behind. */
async function placed(
  { database: { pool } }: RemoteWorld,
  replica: { readonly container: string; readonly replica: number; readonly nodeId: string },
): Promise<string> {
  const lease = randomUUID();
  const found = await pool.query('select id from containers where name = $1', [replica.container]);
  const id: string = found.rows[0]?.id ?? randomUUID();
  if (found.rowCount === 0) {
    await pool.query(
      `insert into containers (id, name, image, node_id, payer_node_id, status, owner_id) values ($1, $2, 'image', $3, $3, 'running', $4)`,
      [id, replica.container, replica.nodeId, ADMIN_ID],
    );
    await pool.query(
      `insert into container_revisions (container_id, revision, spec, spec_hash, created_by) values ($1, 1, $2, 'hash', 'admin')`,
      [id, JSON.stringify(specOf({ image: 'image' }))],
    );
  }
  await pool.query(
    `insert into container_leases (id, container_id, node_id, replica, revision, cpu_millis, memory_bytes, phase)
      values ($1, $2, $3, $4, 1, 100, 67108864, 'running')`,
    [lease, id, replica.nodeId, replica.replica],
  );
  return lease;
}
