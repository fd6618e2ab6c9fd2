import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { MAX_AHEAD } from '../../../src/contract/agent/channel.js';
import { ExecDesk } from '../../../src/daemon/channels/exec-desk.js';
import { ExecSession } from '../../../src/daemon/channels/exec-session.js';

const both = () => Promise.resolve(['one', 'two']);

/** Two daemons that pass letters on, and a command whose output is read at the second. */
function twoDaemons() {
  const desks = new Map<string, ExecDesk>();
  for (const daemonId of ['one', 'two']) {
    const post = {
      send: (to: string, letter: object) => desks.get(to)?.receive(structuredClone(letter)),
    };
    desks.set(daemonId, new ExecDesk({ daemonId, post, daemons: both }));
  }
  const fed: string[] = [];
  const handle = {
    credit: () => undefined,
    shut: () => undefined,
    feed: ({ base64 = '' }) => void fed.push(base64),
  };
  const session = new ExecSession('ana', handle, 3);
  return { one: desks.get('one'), id: desks.get('two')?.add(session) ?? '', session, fed };
}

// Goal: whoever types through another daemon than the command's is told the same as there.
describe('what is written through another daemon', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('waits for a command that reads nothing, and is told so in time', async () => {
    const { one, id, session, fed } = twoDaemons();
    const write = { seq: 1, base64: 'AAAA'.repeat(MAX_AHEAD + 1) };

    const first = one?.write(id, 'ana', write);
    await vi.advanceTimersByTimeAsync(24_000);
    const again = one?.write(id, 'ana', write);
    await vi.advanceTimersByTimeAsync(1_000);
    session.taken(1);

    expect([await first, await again]).toEqual([false, true]);
    expect(fed).toHaveLength(MAX_AHEAD + 1);
  });
});
