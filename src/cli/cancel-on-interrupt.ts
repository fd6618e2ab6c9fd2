import type { SyntropyClient } from '../client/client.js';

const INTERRUPTED = 130;

/**
 * While `work` runs, Ctrl-C cancels the operation and goes on waiting for its end, which tells what state the stick is in. A
 * second Ctrl-C leaves at once.
 */
export async function cancelOnInterrupt<T>(
  client: SyntropyClient,
  operationId: string,
  work: () => Promise<T>,
): Promise<T> {
  let asked = false;
  const interrupt = () => {
    if (asked) process.exit(INTERRUPTED);
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
    return await work();
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}
