import { describe, expect, it } from 'vitest';

import { LogLines } from '../../../src/core/platform/common/engine/log-lines.js';

/** What Docker cuts a line into. */
const PIECE = 16 << 10;

/** A message as an engine frames it. */
function message(at: string, text: string, stream = 1): Buffer {
  const bytes = Buffer.from(`${at} ${text}`);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

const texts = (lines: ReturnType<LogLines['push']>) => lines.map(({ at, text }) => `${at} ${text}`);

// Goal: a line is what a program wrote as one, with the time at which it did, however it ended.
describe('lines of an engine', () => {
  it('are as many as there were where a run ends without an end of its line', () => {
    const lines = new LogLines(true);

    const first = texts(lines.push(message('t1', 'panic: bad')));
    const second = texts(lines.push(message('t2', 'starting\n')));

    expect([first, second]).toEqual([['t1 panic: bad'], ['t2 starting']]);
  });

  it('are put together where the engine has cut them', () => {
    const lines = new LogLines(true);
    const piece = 'x'.repeat(PIECE);

    expect(lines.push(message('t1', piece))).toEqual([]);
    expect(lines.isHoldingBack).toBe(true);
    expect(lines.push(message('t1', 'other\n', 2))).toHaveLength(1);
    expect(texts(lines.push(message('t1', 'end\n')))).toEqual([`t1 ${piece}end`]);
    expect(lines.isHoldingBack).toBe(false);
  });

  it('are two where a run ended with a whole piece, and another began', () => {
    const lines = new LogLines(true);
    const piece = 'x'.repeat(PIECE);

    const found = texts(
      lines.push(Buffer.concat([message('t1', piece), message('t2', 'starting\n')])),
    );

    expect(found).toEqual([`t1 ${piece}`, 't2 starting']);
  });

  it('are put together by their ends alone, where pieces have times and sizes of their own', () => {
    const lines = new LogLines(false);

    const first = lines.push(message('t1', 'long '));
    const second = texts(lines.push(message('t2', 'line\n')));

    expect([first, second]).toEqual([[], ['t1 long line']]);
  });

  it('are cut where one is longer than anybody reads, and begin anew after it', () => {
    const lines = new LogLines(true);
    const pieces = Array.from({ length: 5 }, () => message('t1', 'x'.repeat(PIECE)));

    const found = lines.push(
      Buffer.concat([...pieces, message('t1', 'end\n'), message('t2', 'next\n')]),
    );

    expect(found.map(({ at, text }) => [at, text.length])).toEqual([
      ['t1', 4 * PIECE],
      ['t1', PIECE + 3],
      ['t2', 4],
    ]);
  });
});
