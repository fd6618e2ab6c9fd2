// The agents of `bench-agents.mjs`, in a process of their own. Says the public keys of all; then connects as many as it is told, keeps them connected as
// agents do, and tells how long heartbeats took.
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { WebSocket } from 'ws';

import { loadSource } from './load-source.mjs';

const [url, caSha256, count] = process.argv.slice(2);
const CONNECTS_AT_ONCE = 50;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

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
    socket.send(JSON.stringify({ heartbeat: { seq, at, observedGeneration: 1 } }));
  };
  socket.on('error', () => undefined);
  socket.on('message', (data) => {
    const frame = JSON.parse(data);
    if (frame.hello) socket.send(JSON.stringify({ proof: proofOf(agent, frame.hello.nonce) }));
    if (frame.beaten) {
      delaysMs.push(performance.now() - sentAt.get(frame.beaten.seq));
      sentAt.delete(frame.beaten.seq);
    }
    if (frame.welcome) {
      agent.isConnected = true;
      agent.failures = 0;
      onWelcome?.();
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
    agent.failures += 1;
    const longest = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(agent.failures, 10));
    setTimeout(() => connect(agent), 100 + Math.random() * longest);
  });
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
