import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { once } from 'node:events';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { AGENT_PATH } from '../../../src/contract/agent/protocol.js';
import { GRID_SERVER_NAME } from '../../../src/contract/grid.js';
import { messageText } from '../../../src/core/platform/common/message-text.js';
import { AgentHub } from '../../../src/daemon/agents/agent-hub.js';
import { serveUpgrades } from '../../../src/daemon/transports/upgrades.js';
import { testAgent } from '../../support/agents.js';
import { testAuthority } from '../../support/certificates.js';
import { waitFor } from '../../support/wait-for.js';

/** Of the right shape, and of nobody. */
const PROOF = {
  protocol: 1,
  node: '018f6e2a-0000-7000-8000-000000000001',
  machine: 'f'.repeat(64),
  bootId: 'boot-1',
  agentVersion: '1.0.0',
  at: '2026-01-02T03:04:05.000Z',
  signature: 'A'.repeat(86),
};

async function listening(server: Server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP, whose address is one of these
  return (server.address() as AddressInfo).port;
}

const none = () => Promise.reject(new TypeError('no database'));

const fail = () => {
  throw new TypeError('no database');
};

/** A hub behind a port of this machine, that lets in as many as the test says. */
async function hubThatLetsIn(burst: number) {
  const log = pino({ level: 'silent' });
  const hub = new AgentHub({
    store: {
      beat: none,
      stale: none,
      behind: none,
      report: none,
      leave: none,
      disconnect: none,
    },
    leases: { work: none, assignments: () => fail(), report: none, noteUsage: none, behind: none },
    machines: { ail: none, describe: none },
    log,
    daemonId: '',
    caSha256: '',
    now: () => new Date(),
    connect: none,
    admission: { perSecond: 0.1, burst, proving: 1, waiting: 1 },
  });
  const server = createServer();
  serveUpgrades(server, {
    entrance: {
      admit: () => undefined,
      identify: none,
      again: none,
      allowedOrigin: () => undefined,
    },
    log,
    sourceOf: () => 'here',
    handlers: { [AGENT_PATH]: hub.upgrade },
    onUpgrade: () => undefined,
  });
  const port = await listening(server);
  const open: ReturnType<typeof connect>[] = [];
  return {
    port,
    /** What the first bytes say in answer to a request to upgrade. */
    answer: async () => {
      const socket = connect(port, '127.0.0.1');
      open.push(socket);
      socket.write(
        `GET ${AGENT_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
      );
      const [bytes] = await once(socket, 'data');
      return String(bytes);
    },
    async [Symbol.asyncDispose]() {
      await hub.stop();
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A server of a grid that takes no agents, and says when to come again. */
async function busyDaemon(headers: string) {
  const authority = await testAuthority();
  const { key, cert } = await authority.issue([GRID_SERVER_NAME]);
  const attempts: number[] = [];
  const server = createTlsServer({ key, cert });
  server.on('upgrade', (_, socket) => {
    attempts.push(performance.now());
    socket.end(`HTTP/1.1 503 BUSY\r\nConnection: close\r\n${headers}\r\n`);
  });
  const port = await listening(server);
  return {
    attempts,
    membership: {
      version: 1 as const,
      node: { id: '018f6e2a-0000-7000-8000-000000000001', name: 'node-02' },
      url: `https://127.0.0.1:${port}`,
      caSha256: authority.fingerprint.replaceAll(':', '').toLowerCase(),
      caCertificate: authority.certificate,
      joinedAt: new Date().toISOString(),
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

// Goal: a daemon that has just started is not overrun by all of its agents, and they come back in order.
describe('a daemon to which too many agents come', () => {
  it('lets in as many as it can bear, and tells the others when to come again', async () => {
    await using hub = await hubThatLetsIn(2);

    const answers = [await hub.answer(), await hub.answer(), await hub.answer()];

    expect(answers.map((answer) => answer.split(' ')[1])).toEqual(['101', '101', '503']);
    expect(answers[2]).toMatch(/^Retry-After: 10\r$/m);
    expect(answers[2]).toContain('"code":"DAEMON_BUSY"');
  });
});

describe('a daemon that believes nobody', () => {
  it('still looks at each of more proofs than it looks at in one time', async () => {
    await using hub = await hubThatLetsIn(5);
    const codes: unknown[] = [];
    for (let n = 0; n < 5; n += 1) {
      const socket = new WebSocket(`ws://127.0.0.1:${hub.port}${AGENT_PATH}`);
      const said: unknown[] = [];
      socket.on('message', (data) => said.push(JSON.parse(messageText(data))));
      socket.once('open', () => socket.send(JSON.stringify({ proof: PROOF })));
      const [code] = await once(socket, 'close');
      codes.push([code, Object.keys(Object(said[1]))]);
    }

    expect(codes).toEqual(Array.from({ length: 5 }, () => [4403, ['refused']]));
  });
});

describe('an agent that was told to come again later', () => {
  it('does so no sooner, and says why it waits', async () => {
    await using daemon = await busyDaemon('Retry-After: 2\r\n');
    await using agent = await testAgent();
    await agent.files.saveMembership(daemon.membership);

    await agent.run();
    const [first = 0, second = 0] = await waitFor('a second attempt', () =>
      daemon.attempts.length > 1 ? daemon.attempts : undefined,
    );

    expect(second - first).toBeGreaterThanOrEqual(2_000);
    expect(agent.log[0]).toContain('DAEMON_BUSY');
    expect(await agent.files.status()).toMatchObject({ trouble: { code: 'DAEMON_BUSY' } });
  });

  it.each(['Retry-After: soon\r\n', 'Retry-After: -1\r\n', ''])(
    'goes by its own pause when that cannot be understood: %j',
    async (headers) => {
      await using daemon = await busyDaemon(headers);
      await using agent = await testAgent();
      await agent.files.saveMembership(daemon.membership);

      await agent.run();
      await waitFor('three attempts', () => daemon.attempts.length > 2);

      expect(agent.log[0]).toContain('503');
    },
  );

  it('can still be stopped at once', async () => {
    await using daemon = await busyDaemon('Retry-After: 999999\r\n');
    await using agent = await testAgent();
    await agent.files.saveMembership(daemon.membership);
    await agent.run();
    await waitFor('the agent to wait', async () => (await agent.files.status())?.trouble);

    await agent.stop();

    expect(daemon.attempts).toHaveLength(1);
  });
});
