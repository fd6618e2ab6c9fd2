import { isIP } from 'node:net';
import { type Static, Type } from 'typebox';
import { Check } from 'typebox/value';

import { HINT_KEY, SERVICE_NAME } from '../../contract/discovery.js';

/** What of one packet is looked at. An honest one has four records, and one for each address. */
const MAX_RECORDS = 64;
const MAX_CLAIMS = 8;
const MAX_ADDRESSES = 8;
const MAX_NAME = 255;

const Record = Type.Object({
  name: Type.String({ maxLength: MAX_NAME }),
  type: Type.String({ maxLength: 16 }),
  ttl: Type.Optional(Type.Number()),
  data: Type.Unknown(),
});
type Record = Static<typeof Record>;

const Place = Type.Object({
  target: Type.String({ minLength: 1, maxLength: MAX_NAME }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
});

/** A daemon, as somebody on the network says. */
export interface Claim {
  /** Of which grid. */
  readonly hint: string;
  /** Where: first the sender of the packet, whom the others on the network evidently reach. */
  readonly urls: readonly URL[];
}

/**
 * What a packet claims, by itself: what another has said before or says later of the same name changes nothing, so that nobody can hide a daemon
 * by being quicker. Whatever does not fit is passed over.
 */
export function claimsIn(packet: unknown, from: string): readonly Claim[] {
  const records = recordsIn(packet);
  const named = (type: string, name: string) =>
    records.filter((record) => record.type === type && isSame(record.name, name));
  return named('PTR', SERVICE_NAME)
    .slice(0, MAX_CLAIMS)
    .flatMap(({ data: instance }) => {
      if (typeof instance !== 'string') return [];
      const place = named('SRV', instance)
        .map(({ data }) => data)
        .find((data) => Check(Place, data));
      const hint = named('TXT', instance).map(hintIn).find(Boolean);
      if (!place || hint === undefined) return [];
      const addresses = ['A', 'AAAA']
        .flatMap((type) => named(type, place.target))
        .map(({ data }) => data);
      const usable = new Set([from, ...addresses].filter(isUsable));
      return [
        { hint, urls: [...usable].slice(0, MAX_ADDRESSES).map((at) => urlOf(at, place.port)) },
      ];
    });
}

/** Those that are not just being taken back. */
function recordsIn(packet: unknown): readonly Record[] {
  if (typeof packet !== 'object' || packet === null) return [];
  const parts: readonly unknown[] = [
    'answers' in packet ? packet.answers : [],
    'additionals' in packet ? packet.additionals : [],
  ];
  return parts
    .flatMap((part: unknown): readonly unknown[] => (Array.isArray(part) ? part : []))
    .slice(0, MAX_RECORDS)
    .filter((record) => Check(Record, record))
    .filter(({ ttl }) => ttl !== 0);
}

function hintIn({ data }: Record): string | undefined {
  const entries: readonly unknown[] = Array.isArray(data) ? data : [data];
  const texts = entries
    .slice(0, MAX_RECORDS)
    .map((entry) => (Buffer.isBuffer(entry) ? entry.toString('latin1') : ''));
  const [, hint] =
    /^\w+=([0-9a-f]{16})$/.exec(texts.find((text) => text.startsWith(`${HINT_KEY}=`)) ?? '') ?? [];
  return hint;
}

/** Of another machine, and without a zone, which only the machine itself knows. */
function isUsable(address: unknown): address is string {
  if (typeof address !== 'string') return false;
  const family = isIP(address);
  if (family === 4) return !/^(0|127|22[4-9]|2[3-5]\d)\./.test(address);
  return family === 6 && !/^(::|fe[89ab]|ff|.*%)/i.test(address);
}

function urlOf(address: string, port: number): URL {
  return new URL(`https://${address.includes(':') ? `[${address}]` : address}:${port}`);
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
