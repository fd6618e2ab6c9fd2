import type { SyntropyClient } from '../client/client.js';

import { AppError } from '../core/types/errors/app-error.js';

/**
 * While `work` runs, Ctrl-C cancels the operation and goes on waiting for its end, which tells what state the stick is in. A
 * second Ctrl-C leaves at once.
 * @throws {AppError} as `work`, OPERATION_CANCELLED when it is left.
 */
export async function cancelOnInterrupt<T>(
  client: SyntropyClient,
  operationId: string,
  work: () => Promise<T>,
): Promise<T> {
  let asked = false;
  const left = Promise.withResolvers<never>();
  const interrupt = () => {
    if (asked) {
      left.reject(
        new AppError('OPERATION_CANCELLED', 'Left; the operation is being cancelled.', {
          operation: operationId,
        }),
      );
      return;
    }
    asked = true;
    process.stderr.write('\nCancelling… (Ctrl-C again leaves without waiting)\n');
    client.call('operations.cancel', { operation: operationId }).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : 'unknown';
      process.stderr.write(`It could not be cancelled: ${reason}\n`);
    });
  };
  // main.ts leaves at the first signal; here it is the second.
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) {
    process.removeAllListeners(signal);
    process.on(signal, interrupt);
  }
  try {
    return await Promise.race([work(), left.promise]);
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}
