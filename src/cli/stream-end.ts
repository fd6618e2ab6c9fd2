import type { StreamOptions } from '../client/client.js';

import { AppError } from '../core/types/errors/app-error.js';

/**
 * For who must have had everything: fails where the daemon ends a stream before it was complete.
 * @param what - what was streamed, as the beginning of a sentence.
 */
export function requireComplete(what: string): StreamOptions {
  return {
    onEnd: ({ reason }) => {
      if (reason !== 'complete') throw incomplete(what, reason);
    },
  };
}

/** That a stream was ended before it was complete. */
export function incomplete(what: string, reason: string): AppError {
  return new AppError(
    'DAEMON_UNREACHABLE',
    `${what} is not all here: the daemon ended the stream (${reason}).`,
    { reason },
  );
}
