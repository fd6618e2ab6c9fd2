import { generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { AGENT_PATH, proofText } from '../../src/contract/agent/protocol.js';
import { messageText } from '../../src/core/platform/common/message-text.js';
import { connectOnce, joinToken, requireToken, testAgent } from '../support/agents.js';
import { type RemoteWorld, remoteWorld } from '../support/remote-world.js';
import { waitFor } from '../support/wait-for.js';

interface Hello {
  readonly nonce: string;
}

/** A peer that says what it likes where agents connect. */
async function peer(world: Pick<RemoteWorld, 'port'>) {
  const socket = new WebSocket(`wss://127.0.0.1:${world.port}${AGENT_PATH}`, {
    rejectUnauthorized: false,
  });
  const said: Readonly<Record<string, unknown>>[] = [];
  let closed: number | undefined;
  socket.on('message', (data) => said.push(JSON.parse(messageText(data))));
  socket.on('close', (code) => {
    closed = code;
  });
  socket.on('error', () => undefined);
  await once(socket, 'open');
  const hello = await waitFor('a hello', () => said.find((frame) => 'hello' in frame)?.['hello']);
  return {
    socket,
    said,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the daemon says is what is tested
    nonce: (hello as Hello).nonce,
    send: (frame: unknown) =>
      socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    closed: () => waitFor('the connection to be closed', () => closed, 15_000),
    frame: (name: string) =>
      waitFor(`a ${name}`, () => said.find((frame) => name in frame)?.[name]),
    async [Symbol.asyncDispose]() {
      socket.terminate();
    },
  };
}

/** A node that has joined, and a proof of it for a nonce. */
async function joined(world: RemoteWorld, name = 'node-02') {
  const agent = await testAgent();
  const token = await joinToken(world);
  await agent.join(token, name);
  const membership = await agent.files.membership();
  const { caSha256 } = requireToken(token);
  return {
    agent,
    node: membership?.node.id ?? '',
    proof: (nonce: string, changed: object = {}) => {
      const proof = {
        protocol: 1,
        node: membership?.node.id ?? '',
        machine: agent.machine,
        bootId: 'boot-1',
        agentVersion: '1.0.0',
        at: new Date().toISOString(),
      };
      const signature = agent.identity.sign(proofText(proof, nonce, caSha256));
      return { proof: { ...proof, signature, ...changed } };
    },
    [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
  };
}

const heartbeat = (seq: number, more: object = {}) => ({
  heartbeat: { seq, at: new Date().toISOString(), observedGeneration: 1, ...more },
});

const logLines = (id: string) => ({ logLines: { id, lines: ['x'], dropped: 0, end: false } });

async function readToTheEnd({ admin }: RemoteWorld, wanted: { lines: number; follow?: boolean }) {
  let count = 0;
  for await (const _ of admin.stream('nodes.logs', { node: 'node-02', ...wanted })) count += 1;
  return count;
}

// Goal: a hostile agent harms nothing but itself.
describe('whoever has proven nothing', () => {
  it.each([
    ['a heartbeat', heartbeat(1)],
    ['what is no JSON', '{"proof":'],
    ['what is no frame', { hello: {} }],
    ['a frame with more in it', { ...heartbeat(1), more: 1 }],
    ['a prototype', '{"__proto__":{"proof":{}}}'],
  ])('is cut off after %s', async (_, frame) => {
    await using world = await remoteWorld();
    await using client = await peer(world);

    client.send(frame);

    expect(await client.closed()).toBe(1008);
  });

  it('is cut off after a frame that is too large', async () => {
    await using world = await remoteWorld();
    await using client = await peer(world);

    client.send('x'.repeat(300 << 10));

    expect(await client.closed()).toBe(1009);
  });

  it('is cut off when it says nothing', async () => {
    await using world = await remoteWorld();
    await using client = await peer(world);

    expect(await client.closed()).toBe(1006);
  }, 20_000);
});

describe('a proof', () => {
  it('is good for its own nonce only', async () => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using first = await peer(world);
    await using second = await peer(world);

    second.send(node.proof(first.nonce));

    expect(await second.frame('refused')).toMatchObject({ code: 'AGENT_UNKNOWN' });
  });

  it('is not another node’s, and not what was changed on the way', async () => {
    await using world = await remoteWorld();
    await using mine = await joined(world, 'node-01');
    await using other = await joined(world, 'node-02');

    for (const changed of [
      { node: other.node },
      { bootId: 'boot-2' },
      { agentVersion: '2.0.0' },
      { machine: 'f'.repeat(64) },
      { signature: randomBytes(64).toString('base64url') },
    ]) {
      await using client = await peer(world);
      client.send(mine.proof(client.nonce, changed));

      expect(await client.frame('refused')).toMatchObject({ code: 'AGENT_UNKNOWN' });
    }
  });

  it('of a protocol that the daemon does not speak is refused in words', async () => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);

    client.send(node.proof(client.nonce, { protocol: 7 }));

    expect(await client.frame('refused')).toMatchObject({
      code: 'AGENT_PROTOCOL_UNSUPPORTED',
      message: expect.stringContaining('protocol 7'),
    });
  });

  it('with what a terminal would obey is no proof', async () => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);

    client.send(node.proof(client.nonce, { bootId: '\u001B[31mred' }));

    expect(await client.closed()).toBe(1008);
  });
});

describe('a node that is believed', () => {
  it('is cut off when it repeats itself, floods, or proves itself again', async () => {
    await using world = await remoteWorld();
    const outcomes: unknown[] = [];
    for (const act of ['repeat', 'flood', 'prove']) {
      await using node = await joined(world, `node-${act}`);
      await using client = await peer(world);
      client.send(node.proof(client.nonce));
      await client.frame('welcome');
      if (act === 'repeat') for (let n = 0; n < 2; n += 1) client.send(heartbeat(1));
      if (act === 'prove') client.send(node.proof(client.nonce));
      if (act === 'flood') for (let n = 1; n < 200; n += 1) client.send(heartbeat(n));
      outcomes.push(await client.closed());
    }

    expect(outcomes).toEqual([1008, 1008, 1008]);
  });

  it('is cut off when it floods with lines of a log that nobody reads', async () => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);
    client.send(node.proof(client.nonce));
    await client.frame('welcome');

    for (let n = 0; n < 200; n += 1) client.send(logLines(randomUUID()));

    expect(await client.closed()).toBe(1008);
  });

  it.each([
    ['the last lines', { lines: 1_000 }],
    ['new ones', { lines: 0, follow: true }],
  ])('is cut off when it answers who reads %s of its log with a flood', async (_, wanted) => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);
    client.send(node.proof(client.nonce));
    await client.frame('welcome');
    const reading = readToTheEnd(world, wanted).catch((error: unknown) => error);
    const asked = await client.frame('logs');

    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the daemon says is what is tested
    for (let n = 0; n < 400; n += 1) client.send(logLines((asked as { id: string }).id));

    expect(await client.closed()).toBe(1008);
    expect(await reading).toMatchObject({ code: 'NODE_OFFLINE' });
  });

  it('cannot claim to be further than the grid is, or to live in another time', async () => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);
    client.send(node.proof(client.nonce));
    await client.frame('welcome');

    client.send(
      heartbeat(1, { observedGeneration: Number.MAX_SAFE_INTEGER, at: '0001-01-01T00:00:00.000Z' }),
    );

    const seen = await waitFor('the heartbeat to be noted', async () => {
      const { agent } = await world.admin.call('nodes.get', { node: 'node-02' });
      return (agent?.observedGeneration ?? 0) > 0 ? agent : undefined;
    });
    expect(seen).toMatchObject({ generation: 1, observedGeneration: 1 });
    expect(seen?.clockSkewMs).toBeLessThan(-1e12);
  });
});

const nodeNow = (world: RemoteWorld, node = 'node-02') => world.admin.call('nodes.get', { node });

describe('what a node tells of its machine', () => {
  it.each([
    ['less than nothing', { cpuPercent: -1 }],
    ['more than any machine has', { memoryTotalBytes: 1e300 }],
    ['what is no number', { load1: '1' }],
    ['what nobody asked for', { passwords: 3 }],
  ])('ends the connection when it is %s', async (_, sample) => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);
    client.send(node.proof(client.nonce));
    await client.frame('welcome');

    client.send(heartbeat(1, { sample }));

    expect(await client.closed()).toBe(1008);
  });

  it('keeps nobody else’s from being noted, and is kept as far as it can be', async () => {
    await using world = await remoteWorld();
    await using hostile = await joined(world, 'node-01');
    await using honest = await joined(world, 'node-02');
    await using bad = await peer(world);
    await using good = await peer(world);
    bad.send(hostile.proof(bad.nonce));
    good.send(honest.proof(good.nonce));
    await bad.frame('welcome');
    await good.frame('welcome');

    // Smaller than what Postgres takes for a number.
    bad.send(
      heartbeat(1, { sample: { cpuPercent: 5e-324, diskUsedBytes: 9, diskTotalBytes: 5.5 } }),
    );
    good.send(heartbeat(1, { sample: { cpuPercent: 7 } }));

    const noted = await waitFor('the honest sample', async () => (await nodeNow(world)).sample);
    expect(noted.cpuPercent).toBe(7);
    expect((await nodeNow(world, 'node-01')).sample).toMatchObject({
      cpuPercent: 0,
      diskUsedBytes: 6,
      diskTotalBytes: 6,
    });
  });

  it('is kept once in a while, however often it is told', async () => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);
    client.send(node.proof(client.nonce));
    await client.frame('welcome');

    for (let n = 1; n <= 100; n += 1) client.send(heartbeat(n, { sample: { load1: n } }));
    const { sample } = await waitFor('a sample', async () => {
      const now = await nodeNow(world);
      return now.sample ? now : undefined;
    });
    const { rows } = await world.database.pool.query('select load1 from node_samples');

    expect(sample).toMatchObject({ load1: 1 });
    expect(rows).toEqual([{ load1: 1 }]);
  });

  it.each([
    ['has what a terminal obeys', { os: { name: '\u001B]0;owned\u0007' } }],
    ['is longer than a line', { cpu: { model: 'x'.repeat(129) } }],
    ['has more drives than fit', { disks: Array.from({ length: 33 }, () => ({ name: 'sda' })) }],
    ['has fields of its own', { more: 1 }],
  ])('ends the connection when its hardware %s', async (_, hardware) => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);
    client.send(node.proof(client.nonce));
    await client.frame('welcome');

    client.send({ hardware });

    expect(await client.closed()).toBe(1008);
    expect((await nodeNow(world)).hardware).toBeUndefined();
  });

  it('is no flood of events', async () => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);
    client.send(node.proof(client.nonce));
    await client.frame('welcome');

    for (let n = 1; n <= 20; n += 1) client.send({ hardware: { memoryBytes: n } });
    await client.closed();
    const { events } = await world.admin.call('events.list', {
      after: '0',
      limit: 100,
      type: 'node.hardware-changed',
    });

    expect(events.length).toBeLessThanOrEqual(1);
  });

  it('is nothing before it has proven who it is', async () => {
    await using world = await remoteWorld();
    await using client = await peer(world);

    client.send({ hardware: { memoryBytes: 1 } });

    expect(await client.closed()).toBe(1008);
  });

  it('makes the node degraded only after several heartbeats in a row, and well again so', async () => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);
    client.send(node.proof(client.nonce));
    await client.frame('welcome');
    let seq = 0;
    const beat = async (aheadMs: number) => {
      seq += 1;
      client.send(heartbeat(seq, { at: new Date(Date.now() + aheadMs).toISOString() }));
      await waitFor('the answer', () =>
        client.said.some((frame) => JSON.stringify(frame).includes(`"seq":${seq},`)),
      );
    };
    const statusOf = (status: string) =>
      waitFor(`the node to be ${status}`, async () => {
        const now = await nodeNow(world);
        return now.status === status ? now : undefined;
      });

    for (const aheadMs of [60_000, 60_000, 0, 60_000, 60_000]) await beat(aheadMs);
    const before = await nodeNow(world);
    await beat(60_000);
    const ill = await statusOf('degraded');
    const health = await world.admin.call('nodes.health', { node: 'node-02' });
    for (let n = 0; n < 3; n += 1) await beat(0);
    const well = await statusOf('online');

    expect(before.status).toBe('online');
    expect(ill.statusReason).toBe('Its clock is 30 s off or more.');
    expect(health.nodes[0]?.findings.map(({ severity }) => severity)).toContain('critical');
    expect(well.statusReason).toBeUndefined();
  });
});

describe('a time that is none', () => {
  const times = [
    '2016-12-31T23:59:60Z',
    '0000-01-01T00:00:00+23:59',
    '9999-12-31T23:59:60.5-23:59',
  ];

  it.each(times)('%s in a heartbeat keeps nobody else’s from being noted', async (at) => {
    await using world = await remoteWorld();
    await using hostile = await joined(world, 'node-01');
    await using honest = await joined(world, 'node-02');
    await using bad = await peer(world);
    await using good = await peer(world);
    bad.send(hostile.proof(bad.nonce));
    good.send(honest.proof(good.nonce));
    await bad.frame('welcome');
    await good.frame('welcome');

    bad.send(heartbeat(1, { at }));
    good.send(heartbeat(1));

    const noted = await waitFor('the honest heartbeat to be noted', async () => {
      const { agent } = await world.admin.call('nodes.get', { node: 'node-02' });
      return agent?.observedGeneration === 1;
    });
    expect(noted).toBe(true);
  });

  it.each(times)('%s in a proof is refused', async (at) => {
    await using world = await remoteWorld();
    await using node = await joined(world);
    await using client = await peer(world);

    client.send(node.proof(client.nonce, { at }));

    expect(
      await Promise.race([client.closed(), client.frame('refused').then(() => 4403)]),
    ).toBeGreaterThan(1000);
    expect((await world.admin.call('nodes.list', {})).nodes).toHaveLength(1);
  });
});

describe('a join', () => {
  it('needs the private half of the key that is shown', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    const thief = generateKeyPairSync('ed25519').privateKey;
    const token = await joinToken(world);

    const forged = agent.join(token, 'node-02', {
      identity: {
        ...agent.identity,
        sign: (text) => sign(undefined, Buffer.from(text), thief).toString('base64url'),
      },
    });

    await expect(forged).rejects.toMatchObject({ code: 'JOIN_PROOF_INVALID' });
    expect((await agent.join(token, 'node-02')).membership.node.name).toBe('node-02');
  });

  it('is not repeated by who has seen it, with keys of their own', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    await using thief = await testAgent();
    const token = await joinToken(world);
    await agent.join(token, 'node-02');

    await expect(thief.join(token, 'node-03')).rejects.toMatchObject({ code: 'JOIN_TOKEN_SPENT' });
    const membership = await agent.files.membership();
    if (membership) await thief.files.saveMembership(membership);
    await using running = await connectOnce(thief);

    expect(running.code).toBe('AGENT_UNKNOWN');
  });

  it('keeps its token out of logs, events and the audit log', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    const token = await joinToken(world);
    const { secret } = requireToken(token);
    await agent.join(token, 'node-02');
    await agent.join(token, 'node-02').catch(() => undefined);
    const events = await world.admin.call('events.list', { after: '0', limit: 500 });
    const audit = await world.admin.call('audit.list', {});

    expect([...world.log, JSON.stringify(events), JSON.stringify(audit)].join('\n')).not.toContain(
      secret,
    );
    expect(audit.entries.map(({ operation }) => operation)).toContain('agents.join');
  });
});
