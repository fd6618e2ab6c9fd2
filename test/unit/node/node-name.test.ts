import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isUuid, requireName } from '../../../src/core/utils/node-name.js';

// Goal: whatever is typed is either an id or a name, never both.
describe('a node name', () => {
  it.each(['a', 'node-01', '0', 'a'.repeat(63), 'x1-2-3y'])('may be %s', (name) => {
    expect(requireName(name)).toBe(name);
  });

  it.each([
    '',
    'Node',
    '-a',
    'a-',
    'a.b',
    'a_b',
    'a b',
    'a'.repeat(64),
    'é',
    'a\n',
    '--',
    '\u001b[31m',
  ])('may not be %j', (name) => {
    expect(() => requireName(name)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
  });

  it('is never shaped like a UUID', () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(isUuid(id)).toBe(true);
        expect(() => requireName(id)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
      }),
    );
  });

  it('keeps what a terminal obeys out of its error text', () => {
    const unseen = fc.constantFrom('\u0000', '\u001b[2J', '\u007f', '\u009b2J', '\u202e', '\u2028');
    fc.assert(
      fc.property(fc.string({ unit: fc.oneof(fc.string({ unit: 'binary' }), unseen) }), (name) => {
        expect(said(() => requireName(name))).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

function said(act: () => unknown): string {
  try {
    return String(act());
  } catch (error) {
    return String(error);
  }
}
