// The agents of `bench-agents.mjs`, in a process of their own. Says the public keys of all; then connects as many as it is told, keeps them connected as
// agents do, and tells how long heartbeats took.
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { WebSocket } from 'ws';

import { loadSource } from './load-source.mjs';

const [url, caSha256, count] = process.argv.slice(2);
const CONNECTS_AT_ONCE = 50;

const { pauseMs, toldPauseMs } = await loadSource('src/agent/back-off.ts');
const { proofText, AGENT_PATH } = await loadSource('src/contract/agent/protocol.ts');
const agents = Array.from({ length: Number(count) }, (_, n) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    node: randomUUID(),
    machine: createHash('sha256').update(String(n)).digest('hex'),
    privateKey,
    publicKey: publicKey.export({ format: 'jwk' }).x,
    isConnected: false,
    isWanted: false,
    failures: 0,
  };
});
/** As much as an agent tells of an ordinary machine. */
const HARDWARE = {
  os: { name: 'Debian GNU/Linux', version: '13', kernel: '6.12.0', arch: 'x64' },
  cpu: { model: 'Intel(R) Core(TM) i5-8500T CPU @ 2.10GHz', cores: 6, threads: 6 },
  memoryBytes: 16 * 2 ** 30,
  disks: [{ name: 'sda', kind: 'ssd', sizeBytes: 256e9 }],
};
const REPORT = {
  generation: 1,
  capacity: { cpuMillis: 6_000, memoryBytes: 16 * 2 ** 30, diskBytes: 200e9 },
  problems: [],
};
let delaysMs = [];
let heartbeats = 0;

process.on('message', async ({ connect: number, report, stop }) => {
  if (number !== undefined) await connectFirst(number);
  if (report) {
    process.send({
      delaysMs,
      heartbeats,
      connected: agents.filter((agent) => agent.isConnected).length,
    });
    delaysMs = [];
    heartbeats = 0;
  }
  if (stop) process.exit();
});
process.send({
  agents: agents.map(({ node, machine, publicKey }) => ({ node, machine, publicKey })),
});

async function connectFirst(number) {
  const wanted = agents.slice(0, number).filter((agent) => !agent.isWanted);
  for (let at = 0; at < wanted.length; at += CONNECTS_AT_ONCE) {
    await Promise.all(
      wanted.slice(at, at + CONNECTS_AT_ONCE).map(
        (agent) =>
          new Promise((resolve) => {
            agent.isWanted = true;
            connect(agent, resolve);
          }),
      ),
    );
  }
  process.send({ ready: true });
}

/** Like the agent's own loop: a proof, a heartbeat when it is due, and another try after a pause that grows, with full jitter. */
function connect(agent, onWelcome) {
  const socket = new WebSocket(`${url}${AGENT_PATH}`, {
    rejectUnauthorized: false,
    perMessageDeflate: false,
  });
  let timer;
  let seq = 0;
  const sentAt = new Map();
  const beat = () => {
    seq += 1;
    heartbeats += 1;
    sentAt.set(seq, performance.now());
    const at = new Date().toISOString();
    const heartbeat = { seq, at, observedGeneration: 1, sample: sampleNow() };
    socket.send(JSON.stringify({ heartbeat }));
  };
  let toldMs;
  socket.on('error', () => undefined);
  socket.on('unexpected-response', (_, { headers }) => {
    toldMs = toldPauseMs(headers['retry-after']);
    socket.terminate();
  });
  socket.on('message', (data) => {
    const frame = JSON.parse(data);
    if (frame.refused?.retryAfterSeconds) toldMs = frame.refused.retryAfterSeconds * 1_000;
    if (frame.hello) socket.send(JSON.stringify({ proof: proofOf(agent, frame.hello.nonce) }));
    if (frame.beaten) {
      delaysMs.push(performance.now() - sentAt.get(frame.beaten.seq));
      sentAt.delete(frame.beaten.seq);
    }
    if (frame.welcome) {
      agent.isConnected = true;
      agent.failures = 0;
      onWelcome?.();
      socket.send(JSON.stringify({ report: REPORT }));
      socket.send(JSON.stringify({ hardware: HARDWARE }));
      const everyMs = frame.welcome.heartbeatSeconds * 1_000;
      // Agents of a real grid did not start together.
      timer = setTimeout(() => {
        beat();
        timer = setInterval(beat, everyMs);
      }, Math.random() * everyMs);
    }
  });
  socket.on('close', () => {
    clearTimeout(timer);
    agent.isConnected = false;
    agent.failures = toldMs === undefined ? agent.failures + 1 : 0;
    setTimeout(() => connect(agent, onWelcome), pauseMs(agent.failures, toldMs, Math.random));
  });
}

/** How a machine fares that has something to do. */
function sampleNow() {
  return {
    cpuPercent: Math.random() * 60,
    load1: Math.random() * 4,
    load5: Math.random() * 4,
    load15: Math.random() * 4,
    memoryUsedBytes: Math.round(4e9 + Math.random() * 4e9),
    memoryTotalBytes: 16 * 2 ** 30,
    swapUsedBytes: 0,
    swapTotalBytes: 2 ** 30,
    diskUsedBytes: 80e9,
    diskTotalBytes: 256e9,
    networkRxBytesPerSecond: Math.round(Math.random() * 1e6),
    networkTxBytesPerSecond: Math.round(Math.random() * 1e6),
    temperatureCelsius: 40 + Math.random() * 20,
    uptimeSeconds: Math.round(performance.now() / 1_000),
  };
}

function proofOf({ node, machine, privateKey }, nonce) {
  const proof = {
    protocol: 1,
    node,
    machine,
    bootId: 'bench',
    agentVersion: '1.0.0',
    at: new Date().toISOString(),
  };
  const text = Buffer.from(proofText(proof, nonce, caSha256));
  return { ...proof, signature: sign(undefined, text, privateKey).toString('base64url') };
}
