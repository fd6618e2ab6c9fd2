import { AppError } from '../../types/errors/app-error.js';
import { isUuid } from '../../utils/node-name.js';

/** Where a page that goes by time ended: `<created at>|<id>`. @throws {AppError} INPUT_INVALID. */
export function splitPosition(after: string): { at: string; id: string } {
  const [at = '', id = ''] = after.split('|');
  if (!Number.isNaN(Date.parse(at)) && isUuid(id)) return { at, id };
  throw new AppError('INPUT_INVALID', 'The cursor is not one that this daemon gave.', {
    field: 'cursor',
  });
}
