import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { claimsIn } from '../../../src/agent/joining/claims.js';

const NAME = '_syntropy._tcp.local';
const HINT = '0123456789abcdef';

interface Said {
  readonly instance?: string;
  readonly target?: string;
  readonly port?: unknown;
  readonly txt?: readonly string[];
  readonly addresses?: readonly (readonly [string, unknown])[];
  readonly ttl?: number;
}

/** A packet as the library parses one. */
function packet({
  instance = 'a._syntropy._tcp.local',
  target = 'a.local',
  port = 8080,
  txt = [`ca=${HINT}`],
  addresses = [['A', '10.0.0.9']],
  ttl = 120,
}: Said = {}) {
  return {
    answers: [{ name: NAME, type: 'PTR', ttl, data: instance }],
    additionals: [
      { name: instance, type: 'SRV', ttl, data: { target, port } },
      { name: instance, type: 'TXT', ttl, data: txt.map((text) => Buffer.from(text)) },
      ...addresses.map(([type, data]) => ({ name: target, type, ttl, data })),
    ],
  };
}

const urls = (what: unknown, from = '10.0.0.7') =>
  claimsIn(what, from).flatMap((claim) => claim.urls.map(({ origin }) => origin));

// Goal: whatever the network says is read as far as it makes sense, in a bounded room.
describe('what a packet claims', () => {
  it('is a grid and addresses, first that of its sender', () => {
    const said = packet({
      addresses: [
        ['A', '10.0.0.9'],
        ['AAAA', 'fd00::9'],
      ],
    });

    expect(claimsIn(said, '10.0.0.7').map(({ hint }) => hint)).toEqual([HINT]);
    expect(urls(said)).toEqual([
      'https://10.0.0.7:8080',
      'https://10.0.0.9:8080',
      'https://[fd00::9]:8080',
    ]);
  });

  it('does not depend on the case of names', () => {
    const { answers, additionals } = packet();
    const loud = answers.map((record) => ({ ...record, name: record.name.toUpperCase() }));

    expect(urls({ answers: loud, additionals })).toHaveLength(2);
  });

  it.each([
    ['is taken back', packet({ ttl: 0 })],
    ['says nothing of its grid', packet({ txt: ['path=/'] })],
    ['says what is no hint', packet({ txt: [`ca=${HINT}0`] })],
    ['has no port', packet({ port: 0 })],
    ['has a port that is none', packet({ port: '8080' })],
    ['is of another service', { answers: [{ ...packet().answers[0], name: '_http._tcp.local' }] }],
    ['has a name that is too long', packet({ instance: 'a'.repeat(256) })],
    ['has no records', {}],
    ['has records that are none', { answers: 'PTR', additionals: [undefined, 7, null] }],
  ])('is nothing when it %s', (_, said) => {
    expect(claimsIn(said, '10.0.0.7')).toEqual([]);
  });

  it.each([
    '127.0.0.1',
    '0.0.0.0',
    '224.0.0.251',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'ff02::fb',
    '::ffff:127.0.0.1',
    'grid.example.org',
    7,
  ])('is no address of another machine: %s', (address) => {
    expect(urls(packet({ addresses: [['A', address]] }))).toEqual(['https://10.0.0.7:8080']);
  });

  it('is a bounded number of addresses, however many it names', () => {
    const addresses = Array.from({ length: 200 }, (_, n) => ['A', `10.0.1.${n}`] as const);

    expect(urls(packet({ addresses }))).toHaveLength(8);
  });

  it('is read without an error, whatever it is', () => {
    const record = fc.record(
      {
        name: fc.oneof(fc.constantFrom(NAME, 'a', '__proto__'), fc.string()),
        type: fc.oneof(fc.constantFrom('PTR', 'SRV', 'TXT', 'A', 'AAAA'), fc.string()),
        ttl: fc.oneof(fc.integer(), fc.anything()),
        data: fc.oneof(fc.constantFrom('a', NAME), fc.anything({ withBigInt: true })),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(record), fc.anything(), fc.string(), (answers, additionals, from) => {
        expect(claimsIn({ answers, additionals }, from).length).toBeLessThanOrEqual(8);
      }),
    );
  });
});
