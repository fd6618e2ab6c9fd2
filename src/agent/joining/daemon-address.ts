import { AppError } from '../../core/types/errors/app-error.js';
import { quoted } from '../../core/utils/quoted.js';

/** Where a daemon is, as a token or a person says. @throws {AppError} USAGE_INVALID. */
export function daemonAddress(given: string): URL {
  const url = URL.parse(given);
  if (url?.protocol === 'https:' && !url.username && !url.password && !url.search && !url.hash) {
    return url;
  }
  throw new AppError(
    'USAGE_INVALID',
    `--url ${quoted(given)} is no address like https://grid.example.org:8080.`,
    { flag: '--url' },
  );
}
