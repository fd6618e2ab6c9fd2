import { describe, expect, it } from 'vitest';

import { SyntropyClient } from '../../../src/client/client.js';
import { shownIdentity, trustFor } from '../../../src/client/node/server-identity.js';
import { remote } from '../../../src/client/node/remote.js';
import { costOf } from '../../../src/contract/agent/channel.js';
import { CHANNEL_WINDOW } from '../../../src/contract/agent/channel.js';
import { channelAgent } from '../../support/channel-agent.js';
import { base64, lines, readLog, runCommand, shell } from '../../support/channels.js';
import { type RemoteWorld, remoteWorld, type SignedIn } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';
import { wsClient } from '../../support/ws-client.js';

/** A client as a command uses it from another machine. */
async function elsewhere({ url, daemon }: RemoteWorld, { accessToken }: SignedIn) {
  const fingerprint = daemon.facts().caSha256;
  const at = new URL(url);
  const trust = trustFor(await shownIdentity(at, 'prod'), at, fingerprint);
  const credentials = {
    token: () => Promise.resolve(accessToken),
    renewed: () => Promise.resolve(undefined),
  };
  return new SyntropyClient({ transport: remote({ url, trust, name: 'prod', credentials }) });
}

/** A log of 20 MB. */
const much = Array.from({ length: 20_000 }, (_, n) => ({
  stream: 'stdout' as const,
  text: `${n} ${'x'.repeat(1_000)}`,
}));

// Goal: from whichever way somebody comes in, logs and commands are the same.
describe('over TLS', () => {
  it('a log is read, and a command is typed to', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world, world, {
      programs: { ...shell.programs, '': { says: lines(20_000) } },
    });
    await agent.run('web');
    const client = await elsewhere(world, await world.signedIn('ana', { roles: ['admin'] }));

    const log = await readLog(client, { container: 'web' });
    const ran = await runCommand(
      client,
      { container: 'web', command: ['cat'], stdin: true },
      {
        onSession: async (session) => {
          await client.call('containers.execInput', { session, seq: 1, base64: base64('hello') });
          await client.call('containers.execInput', { session, seq: 2, end: true });
        },
      },
    );

    expect(log.texts).toEqual(lines(20_000).map(({ text }) => text));
    expect(ran).toEqual({ said: 'hello', exitCode: 0 });
  });

  it('a reader that stops holds up the engine, and loses nothing', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world, world, { programs: { '': { says: much } } });
    await agent.run('web');
    const client = await elsewhere(world, await world.signedIn('ana', { roles: ['admin'] }));
    const sent = sentBy(agent);

    const texts: string[] = [];
    for await (const item of client.stream('containers.logs', { container: 'web' })) {
      if ('lines' in item) texts.push(...item.lines.map(({ text }) => text));
      if (texts.length > 0 && sent.stoppedAt === 0) await sent.toStop();
    }

    expect(sent.stoppedAt).toBeLessThan(CHANNEL_WINDOW + (8 << 20));
    expect(texts).toEqual(much.map(({ text }) => text));
  });
});

describe('over WebSocket', () => {
  it('a log is read, and a command is typed to', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world, world, {
      programs: { ...shell.programs, '': { says: lines(20_000) } },
    });
    await agent.run('web');
    const { accessToken } = await world.signedIn('ana', { roles: ['admin'] });
    await using client = await wsClient(world, { token: accessToken });

    client.send({ id: 'log', subscribe: 'containers.logs', input: { container: 'web' } });
    await client.frame('the end of the log', ({ id, end }) => id === 'log' && end !== undefined);
    const input = { container: 'web', command: ['cat'], stdin: true };
    client.send({ id: 'exec', subscribe: 'containers.exec', input });
    const first = await client.frame('the session', ({ id, item }) => id === 'exec' && !!item);
    const { session } = Object.fromEntries(Object.entries(first.item ?? {}));
    await client.call('containers.execInput', { session, seq: 1, base64: base64('hello') });
    await client.call('containers.execInput', { session, seq: 2, end: true });
    await client.frame('the end of the command', ({ id, end }) => id === 'exec' && !!end);

    const texts = client.frames.flatMap(({ id, item }) =>
      id === 'log' && isBatch(item) ? item.lines.map(({ text }) => text) : [],
    );
    expect(texts).toEqual(lines(20_000).map(({ text }) => text));
    expect(client.frames.filter(({ id }) => id === 'exec').map(({ item }) => item)).toMatchObject([
      undefined,
      { session: expect.any(String) },
      { stream: 'stdout', base64: base64('hello') },
      { exitCode: 0 },
      undefined,
    ]);
  });

  it('a reader that stops holds up the engine, and loses nothing', async () => {
    await using world = await remoteWorld();
    await using agent = await channelAgent(world, world, { programs: { '': { says: much } } });
    await agent.run('web');
    const { accessToken } = await world.signedIn('ana', { roles: ['admin'] });
    await using client = await wsClient(world, { token: accessToken });
    const sent = sentBy(agent);

    client.send({ id: 'log', subscribe: 'containers.logs', input: { container: 'web' } });
    await client.frame('lines', ({ item }) => isBatch(item));
    client.socket.pause();
    await sent.toStop();
    client.socket.resume();
    await client.frame('the end of the log', ({ id, end }) => id === 'log' && end !== undefined);

    const texts = client.frames.flatMap(({ item }) =>
      isBatch(item) ? item.lines.map(({ text }) => text) : [],
    );
    expect(sent.stoppedAt).toBeLessThan(CHANNEL_WINDOW + (8 << 20));
    expect(texts).toEqual(much.map(({ text }) => text));
  });
});

/** What an agent sends, and where it stopped because nobody took more. */
function sentBy(agent: Awaited<ReturnType<typeof channelAgent>>) {
  const sent = {
    cost: 0,
    stoppedAt: 0,
    toStop: async () => {
      let before = -1;
      await waitFor('nothing more to be sent', () => {
        const isStill = before === sent.cost;
        before = sent.cost;
        return isStill;
      });
      sent.stoppedAt = sent.cost;
    },
  };
  agent.onSent = (frame) => {
    if ('chunk' in frame) sent.cost += costOf(frame.chunk);
  };
  return sent;
}

function isBatch(item: unknown): item is { readonly lines: readonly { readonly text: string }[] } {
  return typeof item === 'object' && item !== null && 'lines' in item;
}
