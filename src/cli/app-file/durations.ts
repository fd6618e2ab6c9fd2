import type { Item } from './items.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { quoted } from '../../core/utils/quoted.js';
import { parseDuration } from '../duration.js';
import { refused, textOf } from './items.js';

/** A duration in ms; `0s` is one here. @throws {AppError} APP_FILE_INVALID. */
export function durationOf(item: Item, path: string): number {
  const text = textOf(item, path);
  if (text === '0s' || text === '0') return 0;
  try {
    return parseDuration(text, path);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw refused(item.at, `${path} ${quoted(text)} is no duration; write it as 30s or 1m30s.`);
  }
}
