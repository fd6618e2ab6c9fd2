import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import type { AgentFrame } from '../../../src/contract/agent/protocol.js';

import { LogStreams } from '../../../src/agent/log-streams.js';

/** A log whose file is read when the test says so. */
function heldLog() {
  const held = Promise.withResolvers<readonly string[]>();
  const listeners = new Set<(line: string) => void>();
  const sent: AgentFrame[] = [];
  const log = {
    tail: () => held.promise,
    listen: (listener: (line: string) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return { sent, listeners, read: held.resolve, streams: new LogStreams(log, (f) => sent.push(f)) };
}

// Goal: what nobody waits for is not sent, where it would count as what nobody asked for.
describe('a reader who goes while the log is being read', () => {
  it.each([true, false])('is sent nothing more (follow: %s)', async (follow) => {
    const { sent, listeners, read, streams } = heldLog();
    const id = randomUUID();
    const opened = streams.open({ id, unit: 'agent', lines: 1_000, follow });

    streams.close(id);
    read(['one']);
    await opened;

    expect(sent).toEqual([]);
    expect(listeners.size).toBe(0);
  });
});
