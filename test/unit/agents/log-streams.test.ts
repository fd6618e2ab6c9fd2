import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import type { AgentFrame } from '../../../src/contract/agent/protocol.js';

import { MAX_AGENT_FRAME_BYTES } from '../../../src/contract/agent/protocol.js';
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

// Goal: whatever is in a log, reading it does not end the connection.
describe('lines that are long when they are written as JSON', () => {
  it.each(['\u0001', 'é', '"', 'a'])('fit into a frame (%j)', async (character) => {
    const { sent, read, streams } = heldLog();
    const opened = streams.open({ id: randomUUID(), unit: 'agent', lines: 64, follow: false });

    read(Array.from({ length: 64 }, () => character.repeat(2_000)));
    await opened;

    const sizes = sent.map((frame) => Buffer.byteLength(JSON.stringify(frame)));
    expect(sizes).toHaveLength(2);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_AGENT_FRAME_BYTES);
  });
});
