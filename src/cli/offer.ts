import type { Offer } from '../contract/schemas/node.js';

import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';
import { formatBinary } from './format.js';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};
const EXAMPLE = 'write it as cpu=2,memory=4GiB,disk=50GiB, or none';

/**
 * Reads `cpu=2,memory=4GiB,disk=50GiB`, any part of it, or `none`, which is null.
 * @throws {AppError} USAGE_INVALID.
 */
export function parseOffer(text: string): Offer | null {
  if (text === 'none') return null;
  const offer: Offer = {};
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(0, at)).trim();
    const value = part.slice(at + 1).trim();
    if (name === 'cpu' && offer.cpuMillis === undefined) offer.cpuMillis = cpuMillis(value);
    else if (name === 'memory' && offer.memoryBytes === undefined) offer.memoryBytes = bytes(value);
    else if (name === 'disk' && offer.diskBytes === undefined) offer.diskBytes = bytes(value);
    else throw unreadable(part);
  }
  return offer;
}

/** `cpu=2, memory=4 GiB, disk=50 GiB`. */
export function formatOffer({ cpuMillis: cpu, memoryBytes, diskBytes }: Offer): string {
  const parts = [
    cpu === undefined ? '' : `cpu=${cpu / 1_000}`,
    memoryBytes === undefined ? '' : `memory=${formatBinary(memoryBytes)}`,
    diskBytes === undefined ? '' : `disk=${formatBinary(diskBytes)}`,
  ];
  return parts.filter(Boolean).join(', ');
}

/** Cores, to the thousandth. */
function cpuMillis(text: string): number {
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(text)) throw unreadable(`cpu=${text}`);
  return Math.round(Number(text) * 1_000);
}

function bytes(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?) ?([A-Za-z]{0,3})$/.exec(text) ?? [];
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  const value = Math.round(Number(digits) * (factor ?? Number.NaN));
  if (!Number.isSafeInteger(value)) throw unreadable(text);
  return value;
}

function unreadable(text: string): AppError {
  return new AppError('USAGE_INVALID', `--offer ${quoted(text)} cannot be read; ${EXAMPLE}.`, {
    flag: 'offer',
  });
}
