import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Channels } from '../../../src/agent/channels/channels.js';
import { ChannelDesk } from '../../../src/daemon/channels/desk.js';
import { ChannelReader } from '../../../src/daemon/channels/reader.js';
import { TwinSession } from '../../support/memory-exec.js';

const ID = '00000000-0000-4000-8000-000000000001';
const HOUR_MS = 3_600_000;
const wanted = { command: ['pg_dump'], env: {}, tty: false, stdin: true };

/** A command at an agent, and a daemon that reads it; `begin` lets the engine have started it. */
function running() {
  const started = Promise.withResolvers<TwinSession>();
  const reader = new ChannelReader(1 << 20, () => undefined);
  const channels = new Channels({
    replicaOf: () => ({
      runtime: { exec: () => started.promise, logs: () => nothing() },
      containerId: 'c',
    }),
    statsOf: () => Promise.resolve(undefined),
    send: (frame) => desk.receive(frame),
    room: () => Promise.resolve(),
    log: { error: () => undefined },
  });
  const desk = new ChannelDesk((frame) => {
    if ('open' in frame) channels.open(frame.open);
    else if ('shut' in frame) channels.shut(frame.shut);
  });
  const opened = { id: ID, lease: ID, wanted: { exec: wanted }, credit: 1 << 20, chunk: 4_096 };
  reader.begin(desk.open(opened, reader, 'ana'));
  const session = new TwinSession({ echoes: true }, wanted, () => undefined);
  return { reader, session, begin: () => started.resolve(session) };
}

async function* nothing() {
  // A command has no log.
}

// Goal: a command may work for hours without a word, and a node that does not answer is still told from it.
describe('a command that says nothing', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('goes on for as long as it takes, once it runs', async () => {
    const { reader, session, begin } = running();
    begin();

    await vi.advanceTimersByTimeAsync(HOUR_MS);
    expect(reader.end).toBeUndefined();
    session.end();
    await vi.advanceTimersByTimeAsync(1);
    while (reader.take());

    expect(reader.end).toEqual({ exitCode: 0 });
  });

  it('is given up where its node never says that it runs', async () => {
    const { reader } = running();

    await vi.advanceTimersByTimeAsync(HOUR_MS);

    expect(reader.end).toMatchObject({ error: { code: 'TIMED_OUT' } });
  });
});
