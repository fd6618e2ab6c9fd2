import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';

const UNIT_MS = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
} as const;

/** Longer than any wait makes sense. Timers that take so long are those of core/utils/deadline.ts. */
const MAX_DAYS = 3650;

/**
 * Reads a duration such as `30s`, `1h30m`, `7d` or `500ms`, in milliseconds. `flag` is named when it cannot be read.
 * @throws {AppError} USAGE_INVALID.
 */
export function parseDuration(text: string, flag: string): number {
  const parts = [...text.matchAll(/(\d{1,9})(ms|s|m|h|d|w)/g)];
  const total = parts.reduce((sum, [, count, unit]) => sum + Number(count) * unitMs(unit), 0);
  const whole = parts.map(([part]) => part).join('');
  const isDuration = parts.length > 0 && whole === text && total > 0;
  if (isDuration && total <= MAX_DAYS * UNIT_MS.d) return total;
  if (isDuration) {
    throw new AppError(
      'USAGE_INVALID',
      `--${flag} ${quoted(text)} is too long; the longest is ${MAX_DAYS}d.`,
      { flag },
    );
  }
  throw new AppError(
    'USAGE_INVALID',
    `--${flag} ${quoted(text)} is no duration; write it as 30s, 1h30m or 7d.`,
    { flag },
  );
}

/** The same in whole seconds, never less than was said, of a flag that may be absent. @throws {AppError} USAGE_INVALID. */
export function secondsOf(text: string | undefined, flag: string): number | undefined {
  return text === undefined ? undefined : Math.ceil(parseDuration(text, flag) / 1000);
}

function unitMs(unit: string | undefined): number {
  return Object.entries(UNIT_MS).find(([name]) => name === unit)?.[1] ?? 0;
}
