import { afterEach, describe, expect, it, vi } from 'vitest';

import { MAX_AHEAD } from '../../../src/contract/agent/channel.js';
import { ExecSession } from '../../../src/daemon/channels/exec-session.js';

/** A command that is fed, and takes when the test says. */
function command(chunk = 4_096) {
  const fed: string[] = [];
  const session = new ExecSession(
    'ana',
    {
      credit: () => undefined,
      shut: () => undefined,
      feed: ({ base64, end }) => void fed.push(end ? 'end' : (base64 ?? 'size')),
    },
    chunk,
  );
  return { fed, session };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

// Goal: what somebody types arrives once and in order, however the network treats it.
describe('what is written to a command', () => {
  afterEach(() => void vi.useRealTimers());

  it('is written once and in the order of its numbers', async () => {
    const { fed, session } = command();

    const late = session.write({ seq: 2, base64: 'BBBB' });
    const again = session.write({ seq: 2, base64: 'BBBB' });
    await turn();
    expect(fed).toEqual([]);
    await session.write({ seq: 1, base64: 'AAAA' });
    await Promise.all([late, again, session.write({ seq: 1, base64: 'AAAA' })]);
    await session.write({ seq: 3, base64: 'CCCC', end: true });

    expect(fed).toEqual(['AAAA', 'BBBB', 'CCCC', 'end']);
  });

  it('is held up by a command that takes nothing', async () => {
    const { fed, session } = command(3);
    let isWritten = false;

    const write = async () => {
      await session.write({ seq: 1, base64: 'AAAA'.repeat(20) });
      isWritten = true;
    };
    const writing = write();
    await turn();
    expect(fed).toHaveLength(MAX_AHEAD);
    for (let n = 0; n < 11; n += 1) session.taken(1);
    await turn();
    expect([fed.length, isWritten]).toEqual([MAX_AHEAD + 11, false]);
    session.taken(1);
    await writing;
    expect(fed).toHaveLength(20);
  });

  it('is answered in time where the command takes nothing, and is done once however often it is asked for', async () => {
    vi.useFakeTimers();
    const { fed, session } = command(3);
    const write = { seq: 1, base64: 'AAAA'.repeat(MAX_AHEAD + 1) };

    const first = session.write(write);
    await vi.advanceTimersByTimeAsync(25_000);
    const again = session.write(write);
    session.taken(1);

    expect([await first, await again, await session.write(write)]).toEqual([false, true, true]);
    expect(fed).toHaveLength(MAX_AHEAD + 1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is refused when it is far ahead, and when the command has ended', async () => {
    const { session } = command();
    const waiting = session.write({ seq: 2 });

    await expect(session.write({ seq: 17 })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    session.close();

    await expect(waiting).rejects.toMatchObject({ code: 'CONTAINER_NOT_RUNNING' });
    await expect(session.write({ seq: 1 })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
    });
  });
});
