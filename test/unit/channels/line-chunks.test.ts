import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { lineChunks } from '../../../src/agent/channels/line-chunks.js';
import { type Chunk, MAX_CHUNK_LINES } from '../../../src/contract/agent/channel.js';
import { LogSourceOfReplica } from '../../../src/daemon/channels/log-source.js';
import { ChannelReader } from '../../../src/daemon/channels/reader.js';

const ID = '00000000-0000-4000-8000-000000000001';
const lease = { lease: ID, replica: 1, node: { id: ID, name: 'node-01' }, isRunning: true };

/** What a daemon makes of the chunks. */
function putTogether(chunks: Iterable<Chunk>) {
  const reader = new ChannelReader(1 << 20, () => undefined);
  for (const chunk of chunks) reader.chunk(chunk);
  reader.over({});
  const source = new LogSourceOfReplica(lease, reader);
  const lines = [];
  for (let taken = source.take(); taken; taken = source.take()) lines.push(...taken);
  return lines;
}

const line = fc.record({
  at: fc.constantFrom('2026-01-02T03:04:05.123456789Z', '2026-01-02T03:04:05Z'),
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  text: fc.string({ unit: 'binary', maxLength: 3_000 }),
});

// Goal: whatever a container writes fits the frames it goes in, and is the same when it arrives.
describe('lines in chunks', () => {
  it('fit, and are whole again, whatever is in them', () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 30 }),
        fc.integer({ min: 512, max: 5_000 }),
        (lines, limit) => {
          const chunks = [...lineChunks(lines, limit)].map((chunk) => ({
            id: ID,
            lines: [...chunk],
          }));

          for (const chunk of chunks) {
            expect(Buffer.byteLength(JSON.stringify(chunk.lines))).toBeLessThanOrEqual(limit + 2);
          }
          expect(putTogether(chunks)).toEqual(lines);
        },
      ),
    );
  });

  it('are no more than a frame may hold', () => {
    const lines = Array.from({ length: 10_000 }, () => ({
      at: '',
      stream: 'stdout' as const,
      text: '',
    }));

    const chunks = [...lineChunks(lines, 1 << 20)];

    expect(chunks.map(({ length }) => length)).toEqual([
      MAX_CHUNK_LINES,
      MAX_CHUNK_LINES,
      10_000 - 2 * MAX_CHUNK_LINES,
    ]);
  });

  it('are cut between characters, and not within one', () => {
    const text = `x${'😀'.repeat(2_000)}`;

    const chunks = [...lineChunks([{ at: '', stream: 'stdout', text }], 513)];

    expect(chunks.flat().every(([, , part]) => part.isWellFormed())).toBe(true);
    expect(chunks.length).toBeGreaterThan(10);
  });

  it('are told in several where one is longer than a daemon keeps together', () => {
    const text = 'x'.repeat(200_000);

    const chunks = [...lineChunks([{ at: 'a', stream: 'stderr', text }], 4_096)];
    const lines = putTogether(chunks.map((chunk) => ({ id: ID, lines: [...chunk] })));

    expect(lines.map((part) => part.text).join('')).toBe(text);
    expect(lines.map((part) => part.text.length <= 65_536)).toEqual([true, true, true, true]);
  });
});
