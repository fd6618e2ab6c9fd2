import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeJoinToken, encodeJoinToken } from '../../../src/contract/agent/join-token.js';

const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
const secret = fc.stringMatching(/^synjoin_[A-Za-z0-9_-]{43}$/);
const url = fc.constantFrom(
  undefined,
  'https://127.0.0.1:8080',
  'https://[fd00::1]:8443',
  'https://grid.example.org/syntropy',
);

const tokens = fc.tuple(hex, secret, url).map(([caSha256, given, at]) => ({
  caSha256,
  secret: given,
  ...(at === undefined ? {} : { url: at }),
}));

// Goal: a token is copied by people, through mails and terminals; a slip is told at once and not taken for a refusal.
describe('a join token', () => {
  it('says what was put into it', () => {
    fc.assert(
      fc.property(tokens, fc.constantFrom('', ' ', '\n'), (token, space) => {
        expect(decodeJoinToken(`${space}${encodeJoinToken(token)}${space}`)).toEqual(token);
      }),
    );
  });

  it('is one word that a shell leaves alone', () => {
    fc.assert(
      fc.property(tokens, (token) => {
        expect(encodeJoinToken(token)).toMatch(/^[A-Za-z0-9._-]+$/);
      }),
    );
  });

  it('is no token with a letter wrong, missing, doubled or swapped with its neighbour', () => {
    const slips = fc.constantFrom('change', 'drop', 'double', 'swap');
    fc.assert(
      fc.property(
        tokens,
        fc.nat(),
        slips,
        fc.stringMatching(/^[A-Za-z0-9_-]$/),
        (token, where, slip, letter) => {
          const text = encodeJoinToken(token);
          const at = where % (text.length - 1);
          const mistyped = slipped(text, at, slip, letter);
          fc.pre(mistyped !== text);

          expect(decodeJoinToken(mistyped)).toBeUndefined();
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each(['', 'synjoin_x', 'syntropy-join-1.', 'syntropy-join-1.W10.0', 'x'.repeat(10_000)])(
    'is not %j',
    (text) => {
      expect(decodeJoinToken(text)).toBeUndefined();
    },
  );

  it('names no daemon but one over https', () => {
    const token = { caSha256: 'a'.repeat(64), secret: `synjoin_${'s'.repeat(43)}` };

    for (const bad of [
      'http://127.0.0.1',
      'https://a b',
      'javascript:alert(1)',
      'https://u:p@host',
    ]) {
      expect(decodeJoinToken(encodeJoinToken({ ...token, url: bad }))).toBeUndefined();
    }
  });
});

function slipped(text: string, at: number, slip: string, letter: string): string {
  const [before, here, next, rest] = [
    text.slice(0, at),
    text.charAt(at),
    text.charAt(at + 1),
    text.slice(at + 2),
  ];
  if (slip === 'change') return `${before}${letter}${next}${rest}`;
  if (slip === 'drop') return `${before}${next}${rest}`;
  return slip === 'double'
    ? `${before}${here}${here}${next}${rest}`
    : `${before}${next}${here}${rest}`;
}
