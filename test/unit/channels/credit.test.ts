import { describe, expect, it } from 'vitest';

import { Channels } from '../../../src/agent/channels/channels.js';
import {
  type Chunk,
  costOf,
  MAX_AHEAD,
  MAX_CHANNELS,
  type Over,
} from '../../../src/contract/agent/channel.js';
import { ChannelDesk, type ChannelRequest } from '../../../src/daemon/channels/desk.js';
import type { ChannelEnd } from '../../../src/daemon/channels/channel.js';
import { ChannelReader } from '../../../src/daemon/channels/reader.js';

const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const wanted = { logs: { follow: false } };
const opened = (n: number, credit = 1_000) => ({
  id: id(n),
  lease: id(0),
  wanted,
  credit,
  chunk: 512,
});
const lines = (n: number, size: number): Chunk => ({
  id: id(n),
  lines: [['', 1, 'x'.repeat(size)]],
});

function sink() {
  const heard = { chunks: [] as Chunk[], ends: [] as ChannelEnd[] };
  return {
    ...heard,
    chunk: (chunk: Chunk) => void heard.chunks.push(chunk),
    over: (end: ChannelEnd) => void heard.ends.push(end),
  };
}

function desk() {
  const said: ChannelRequest[] = [];
  return { said, desk: new ChannelDesk((frame) => void said.push(frame)) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A replica that writes for ever; how often it was asked for more. */
function endless() {
  const seen = { pulled: 0, ended: false };
  const line = { room: Promise.resolve() };
  const frames: ({ chunk: Chunk } | { over: Over })[] = [];
  async function* logs() {
    try {
      for (;;) {
        seen.pulled += 1;
        yield [{ at: '2026-01-02T03:04:05Z', stream: 'stdout' as const, text: 'x'.repeat(400) }];
      }
    } finally {
      seen.ended = true;
    }
  }
  const runtime = { logs, exec: () => Promise.reject(new TypeError('not here')) };
  const channels = new Channels({
    replicaOf: (lease) => (lease === id(0) ? { runtime, containerId: 'c' } : undefined),
    statsOf: () => Promise.resolve(undefined),
    send: (frame) => void frames.push(frame),
    room: () => line.room,
    log: { error: () => undefined },
  });
  return { seen, frames, channels, line };
}

// Goal: an agent sends what was granted, and no reader is sent more than it takes.
describe('the desk at an agent’s connection', () => {
  it('takes chunks while there is credit, the last of them whole, and no more', () => {
    const { desk: agentDesk } = desk();
    const reader = sink();
    const handle = agentDesk.open(opened(1), reader, 'ana');

    expect(agentDesk.receive({ chunk: lines(1, 700) })).toBe(true);
    expect(agentDesk.receive({ chunk: lines(1, 700) })).toBe(true);
    expect(agentDesk.receive({ chunk: lines(1, 1) })).toBe(false);
    handle.credit(1_000);
    expect(agentDesk.receive({ chunk: lines(1, 1) })).toBe(true);
    expect(reader.chunks).toHaveLength(3);
  });

  it('takes what is on its way to one that was shut, until its last word, and tells nobody', () => {
    const { desk: agentDesk, said } = desk();
    const reader = sink();
    agentDesk.open(opened(1), reader, 'ana').shut();

    expect(agentDesk.receive({ chunk: lines(1, 700) })).toBe(true);
    expect(agentDesk.receive({ over: { id: id(1) } })).toBe(true);
    expect(agentDesk.receive({ over: { id: id(1) } })).toBe(false);
    expect(agentDesk.receive({ chunk: lines(1, 1) })).toBe(false);
    expect([reader.chunks, reader.ends]).toEqual([[], []]);
    expect(said.map((frame) => Object.keys(frame)[0])).toEqual(['open', 'shut']);
  });

  it('counts one that was shut until the agent has said so', () => {
    const { desk: agentDesk } = desk();
    const handles = Array.from({ length: MAX_CHANNELS }, (_, n) =>
      agentDesk.open(opened(n + 1), sink(), `member ${n % 8}`),
    );
    handles[0]?.shut();

    expect(() => agentDesk.open(opened(99), sink(), 'ana')).toThrow('64 logs');
    agentDesk.receive({ over: { id: id(1) } });
    expect(() => agentDesk.open(opened(99), sink(), 'ana')).not.toThrow();
  });

  it('keeps half of them for whoever has few, and gives back what has ended', () => {
    const { desk: agentDesk } = desk();
    const open = (n: number, member: string) => agentDesk.open(opened(n), sink(), member);
    for (let n = 1; n <= MAX_CHANNELS / 2; n += 1) open(n, 'eve');

    expect(() => open(101, 'eve')).toThrow('half of them');
    for (let n = 201; n <= 208; n += 1) open(n, 'ana');
    expect(() => open(209, 'ana')).toThrow('half of them');
    open(301, 'bob');
    for (let n = 1; n <= 10; n += 1) agentDesk.receive({ over: { id: id(n) } });
    expect(() => open(102, 'eve')).not.toThrow();
  });

  it('believes that no more was taken than was fed', () => {
    const { desk: agentDesk } = desk();
    const handle = agentDesk.open(opened(1), sink(), 'ana');
    for (let n = 0; n < MAX_AHEAD; n += 1) handle.feed({ base64: '' });

    expect(() => handle.feed({ base64: '' })).toThrow(TypeError);
    expect(agentDesk.receive({ chunk: { id: id(1), taken: MAX_AHEAD } })).toBe(true);
    expect(agentDesk.receive({ chunk: { id: id(1), taken: 1 } })).toBe(false);
  });

  it('tells every reader when the connection ends, once', () => {
    const { desk: agentDesk } = desk();
    const reader = sink();
    agentDesk.open(opened(1), reader, 'ana');

    agentDesk.close();
    agentDesk.close();

    expect(reader.ends).toMatchObject([{ error: { code: 'NODE_OFFLINE' } }]);
    expect(() => agentDesk.open(opened(2), sink(), 'ana')).toThrow('has ended');
  });
});

describe('a reader', () => {
  it('grants only what is read', () => {
    const granted: number[] = [];
    const reader = new ChannelReader(4_000, () => undefined);
    reader.begin({
      credit: (n) => void granted.push(n),
      feed: () => undefined,
      shut: () => undefined,
    });
    const chunk = lines(1, 952);

    for (let n = 0; n < 4; n += 1) reader.chunk(chunk);
    expect(granted).toEqual([]);
    reader.take();
    expect(granted).toEqual([costOf(chunk)]);
    reader.over({});
    expect(reader.end).toBeUndefined();
    for (let n = 0; n < 3; n += 1) reader.take();
    expect(reader.end).toEqual({});
  });
});

describe('the channels of an agent', () => {
  it('read no more from the engine than was granted', async () => {
    const { seen, frames, channels } = endless();
    channels.open(opened(1, 1_000));
    await turn();

    expect(frames).toHaveLength(3);
    expect(seen.pulled).toBe(4);
    channels.credit({ id: id(1), bytes: 500 });
    await turn();
    expect(frames).toHaveLength(4);

    channels.shut({ id: id(1) });
    await turn();
    expect(frames.at(-1)).toEqual({ over: { id: id(1) } });
    expect(seen.ended).toBe(true);
  });

  it('wait for a line that is slower than their readers', async () => {
    const { frames, channels, line } = endless();
    const room = Promise.withResolvers<void>();
    line.room = room.promise;
    channels.open(opened(1, 1_000));
    await turn();
    expect(frames).toEqual([]);

    line.room = Promise.resolve();
    room.resolve();
    await turn();
    expect(frames).toHaveLength(3);
    channels.closeAll();
  });

  it('are so many, and say why there is no other', async () => {
    const { frames, channels } = endless();
    for (let n = 1; n <= MAX_CHANNELS; n += 1) channels.open(opened(n, 0));

    channels.open(opened(99));
    channels.open({ ...opened(98), lease: id(7) });
    channels.shut({ id: id(1) });
    channels.open({ ...opened(98), lease: id(7) });
    await turn();

    expect(frames).toMatchObject([
      { over: { id: id(99), code: 'LIMIT_REACHED' } },
      { over: { id: id(98), code: 'LIMIT_REACHED' } },
      { over: { id: id(1) } },
      { over: { id: id(98), code: 'CONTAINER_NOT_RUNNING' } },
    ]);
  });
});
