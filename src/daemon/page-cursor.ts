import { AppError } from '../core/types/errors/app-error.js';

/** Hides the sort key of a page's last row from clients, so that it can change without breaking them. */
export function encodeCursor(sortKey: string): string {
  return Buffer.from(`1:${sortKey}`).toString('base64url');
}

/** @throws {AppError} INPUT_INVALID for what `encodeCursor` did not make. */
export function decodeCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (text.startsWith('1:') && encodeCursor(text.slice(2)) === cursor) return text.slice(2);
  throw new AppError('INPUT_INVALID', 'The cursor is not one that this daemon gave.', {
    field: 'cursor',
  });
}
