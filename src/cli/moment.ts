import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';
import { parseDuration } from './duration.js';

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/**
 * Reads a time, or how long ago it was: `2026-01-02T03:04:05Z` or `10m`.
 * @throws {AppError} USAGE_INVALID.
 */
export function parseMoment(
  text: string | undefined,
  flag: string,
  nowMs = Date.now(),
): string | undefined {
  if (text === undefined) return undefined;
  if (RFC_3339.test(text) && !Number.isNaN(Date.parse(text))) return text;
  if (/^(\d+[a-z]+)+$/.test(text)) {
    return new Date(nowMs - parseDuration(text, flag)).toISOString();
  }
  throw new AppError(
    'USAGE_INVALID',
    `--${flag} ${quoted(text)} is no time; write it as 10m, or as 2026-01-02T03:04:05Z.`,
    { flag: `--${flag}` },
  );
}
