import { MIN_CPU_MILLIS, MIN_MEMORY_BYTES } from '../core/types/constants/container-limits.js';
import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';
import { formatBinary } from './format.js';

/** As `docker run` has them, and as an offer has them. `mb` is what people mean either way, and is not guessed. */
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  B: 1,
  k: 2 ** 10,
  K: 2 ** 10,
  m: 2 ** 20,
  M: 2 ** 20,
  g: 2 ** 30,
  G: 2 ** 30,
  t: 2 ** 40,
  T: 2 ** 40,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};

/**
 * Reads an amount of memory in bytes, such as `256m` or `256MiB`.
 * @param where - what the text was said at, for the error.
 * @throws {AppError} USAGE_INVALID.
 */
export function parseMemory(text: string, where = '--memory'): number {
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?) ?([A-Za-z]{0,3})$/.exec(text) ?? [];
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  const bytes = Math.round(Number(digits) * (factor ?? Number.NaN));
  if (Number.isSafeInteger(bytes) && bytes >= MIN_MEMORY_BYTES) return bytes;
  if (bytes > 0 && bytes < MIN_MEMORY_BYTES)
    throw tooLittle(where, text, formatBinary(MIN_MEMORY_BYTES));
  throw new AppError(
    'USAGE_INVALID',
    `${where} ${quoted(text)} is no amount of memory; write it as 256m or 256MiB (2^20 bytes each), or 256MB (10^6).`,
    { flag: where },
  );
}

/**
 * Reads a number of cores, to the thousandth of one.
 * @param where - what the text was said at, for the error.
 * @throws {AppError} USAGE_INVALID.
 */
export function parseCpus(text: string, where = '--cpus'): number {
  const millis = /^(\d{1,4}|\d{0,4}\.\d{1,3})$/.test(text) ? Math.round(Number(text) * 1_000) : 0;
  if (millis >= MIN_CPU_MILLIS) return millis;
  if (millis > 0) throw tooLittle(where, text, String(MIN_CPU_MILLIS / 1_000));
  throw new AppError(
    'USAGE_INVALID',
    `${where} ${quoted(text)} is no number of cores; write it as 0.5 or 2.`,
    { flag: where },
  );
}

function tooLittle(where: string, text: string, least: string): AppError {
  return new AppError(
    'USAGE_INVALID',
    `${where} ${quoted(text)} is too little; a container takes ${least} at least.`,
    { flag: where },
  );
}
