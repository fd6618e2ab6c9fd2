import { describe, expect, it } from 'vitest';

import { type Fingerprint, textOf } from '../../../src/core/services/network/map/fingerprint.js';
import { type Notice, Tail } from '../../../src/core/services/network/map/tail.js';

const print = (at: number): Fingerprint => [at, at + 1, at + 2, at + 3];

/** Changes 10, 20, 30 and so on, of which the n-th leaves the map with the n-th print. */
function tailOf(changes: number, bytes: number) {
  const tail = new Tail();
  const notices = Array.from({ length: changes }, (_, index): Notice => ({
    sequence: (index + 1) * 10,
    previous: index * 10,
    hash: print(index + 1),
    body: new Uint8Array(bytes).fill(index),
  }));
  for (const [index, notice] of notices.entries()) tail.push(notice, { value: print(index) });
  return { tail, notices, after: (index: number) => tail.after(index * 10, textOf(print(index))) };
}

// Goal: a node that was away a little hears just what it missed, and what is kept for it is bounded.
describe('the tail of a node', () => {
  it('has what came after, to the last', () => {
    const { notices, after } = tailOf(5, 100);

    expect(after(0)).toEqual(notices);
    expect(after(3)).toEqual(notices.slice(3));
    expect(after(5)).toEqual([]);
  });

  it('keeps the last changes and lets go of the first', () => {
    const { notices, after } = tailOf(100, 100);

    expect(after(67)).toBeUndefined();
    expect(after(68)).toEqual(notices.slice(68));
  });

  it('keeps no more bytes than a map has, and nothing of what is larger', () => {
    expect(tailOf(10, 10_000).after(6)).toBeUndefined();
    expect(tailOf(10, 10_000).after(7)).toHaveLength(3);
    expect(tailOf(3, 40_000).after(2)).toBeUndefined();
    expect(tailOf(3, 40_000).after(3)).toEqual([]);
  });

  it('has nothing for who does not have what it should', () => {
    const { tail } = tailOf(5, 100);

    expect(tail.after(30, textOf(print(2)))).toBeUndefined();
    expect(tail.after(35, textOf(print(3)))).toBeUndefined();
    expect(new Tail().after(0, textOf(print(0)))).toBeUndefined();
  });
});
