import { pino } from 'pino';
import { describe, expect, it } from 'vitest';

import type { Chunk } from '../../../src/contract/agent/channel.js';
import type { ChannelEnd, ChannelSink } from '../../../src/daemon/channels/channel.js';

import { MAX_LETTER_BYTES, Post } from '../../../src/daemon/channels/post.js';
import { ChannelRelay } from '../../../src/daemon/channels/relay.js';

const ID = '00000000-0000-4000-8000-000000000001';
const log = pino({ enabled: false });
const wanted = { logs: { follow: true } };
const opened = { id: ID, lease: ID, wanted, credit: 1_000, chunk: 4_096 };

/** Two daemons, and an agent at the second. Letters for which `lose` says so never arrive. */
async function relays(lose: (text: string) => boolean = () => false) {
  const heard: { chunks: Chunk[]; ends: ChannelEnd[]; asked: string[]; sizes: number[] } = {
    chunks: [],
    ends: [],
    asked: [],
    sizes: [],
  };
  const agent = Promise.withResolvers<ChannelSink>();
  const of = (daemonId: string, peer: () => ChannelRelay) =>
    new ChannelRelay({
      daemonId,
      log,
      post: new Post(async (_, texts) => {
        for (const text of texts) {
          heard.sizes.push(Buffer.byteLength(text));
          if (!lose(text)) peer().receive(Post.opened(text));
        }
      }, log),
      here: () => ({
        open: (_, sink, memberId) => {
          heard.asked.push(`open for ${memberId}`);
          agent.resolve(sink);
          return {
            credit: (bytes) => void heard.asked.push(`credit ${bytes}`),
            feed: ({ base64 }) => void heard.asked.push(`feed ${base64}`),
            shut: () => void heard.asked.push('shut'),
          };
        },
      }),
    });
  const reader: ChannelRelay = of('reader', () => holder);
  const holder: ChannelRelay = of('holder', () => reader);
  const sink: ChannelSink = {
    chunk: (chunk) => void heard.chunks.push(chunk),
    over: (end) => void heard.ends.push(end),
  };
  const handle = reader.open('holder', 'session', opened, sink, 'ana');
  return {
    heard,
    handle,
    agent: await agent.promise,
    [Symbol.dispose]: () => {
      reader.close();
      holder.close();
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const line = (text: string): Chunk => ({ id: ID, lines: [['2026-01-02T03:04:05Z', 1, text]] });

// Goal: a channel through another daemon is as good as one here, or says that it is not.
describe('a channel through another daemon', () => {
  it('carries chunks one way, and credit, feeds and the end of interest the other', async () => {
    using world = await relays();
    const { heard, handle, agent } = world;

    agent.chunk(line('one'));
    agent.chunk(line('two'));
    handle.credit(300);
    handle.feed({ base64: 'AAAA' });
    await turn();
    handle.shut();
    await turn();
    agent.chunk(line('three'));
    await turn();

    expect(heard.chunks).toEqual([line('one'), line('two')]);
    expect(heard.asked).toEqual(['open for ana', 'credit 300', 'feed AAAA', 'shut']);
  });

  it('tells how it ended', async () => {
    using world = await relays();
    const { heard, agent } = world;

    agent.over({ exitCode: 3 });
    await turn();

    expect(heard.ends).toEqual([{ exitCode: 3 }]);
  });

  it('ends when a letter is lost, and nothing after it is told', async () => {
    using world = await relays((text) => text.includes('lost'));
    const { heard, agent } = world;

    agent.chunk(line('one'));
    agent.chunk(line('lost'));
    agent.chunk(line('three'));
    await turn();

    expect(heard.chunks).toEqual([line('one')]);
    expect(heard.ends).toMatchObject([{ error: { code: 'NODE_OFFLINE' } }]);
    expect(heard.asked).toEqual(['open for ana', 'shut']);
  });

  it('fits the letters that Postgres takes, at its largest', async () => {
    using world = await relays();
    const { heard, agent } = world;

    agent.chunk({ id: ID, stream: 'stdout', base64: Buffer.alloc(4_096).toString('base64') });
    agent.chunk(line('x'.repeat(4_096)));
    await turn();

    expect(heard.chunks).toHaveLength(2);
    expect(Math.max(...heard.sizes)).toBeLessThan(MAX_LETTER_BYTES);
  });
});
