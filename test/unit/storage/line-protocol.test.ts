import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { lineOf } from '../../../src/core/storage/influx/line-protocol.js';

const at = new Date('2026-11-24T12:00:00.123Z');

const apart = (text: string, by: string) => text.split(new RegExp(`(?<!\\\\)${by}`));
const plain = (text: string) => text.replaceAll(/\\([,= ])/g, '$1');
/** What is left of a text that a line cannot hold. */
const kept = (value: string) => value.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '').replaceAll('\\', '/');

/** Takes a line apart as the protocol has it: an escaped character separates nothing. */
function read(line: string) {
  const [head = '', fields = '', time, ...more] = apart(line, ' ');
  const [measurement, ...tags] = apart(head, ',');
  return {
    measurement,
    tags: Object.fromEntries(tags.map((tag) => apart(tag, '=').map(plain))),
    fields,
    time,
    more,
  };
}

// Goal: no name that anybody gives makes another point, tag or line of it.
describe('a line', () => {
  it('is as the protocol has it', () => {
    const line = lineOf({
      measurement: 'syntropy_node',
      tags: { node: 'node 01,a=b', empty: '' },
      fields: { load1: 0.5, memory_used_bytes: Number.MAX_SAFE_INTEGER, none: Number.NaN },
      at,
    });

    expect(line).toBe(
      String.raw`syntropy_node,node=node\ 01\,a\=b load1=0.5,memory_used_bytes=9007199254740991 1795521600123`,
    );
  });

  it('is none without a field', () => {
    expect(lineOf({ measurement: 'm', tags: {}, fields: { x: Infinity }, at })).toBeUndefined();
  });

  it('is one line with one point, whatever a value of a tag is', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('\\', ',', '=', ' ', '\n', '\r', '"', '\u2028', 'a') }),
    );
    fc.assert(
      fc.property(text, text, (one, two) => {
        const line = lineOf({ measurement: 'm', tags: { one, two }, fields: { x: 1 }, at }) ?? '';
        const { measurement, tags, fields, time, more } = read(line);

        expect(line).not.toMatch(/[\r\n\u2028\0]/);
        expect({ measurement, fields, time, more }).toEqual({
          measurement: 'm',
          fields: 'x=1',
          time: String(at.getTime()),
          more: [],
        });
        const expected = Object.entries({ one: kept(one), two: kept(two) });
        expect(tags).toEqual(Object.fromEntries(expected.filter(([, value]) => value !== '')));
      }),
      { numRuns: 1_000 },
    );
  });
});
