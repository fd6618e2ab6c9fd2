import type { ErrorCode } from '../../types/errors/codes.js';

import { AppError } from '../../types/errors/app-error.js';
import { errorCodes } from '../../types/errors/codes.js';

interface FailureMessage {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** What a process of ours says to the command that started it, over the IPC channel. */
export type ParentMessage =
  | { readonly type: 'failed'; readonly error: FailureMessage }
  | { readonly type: string; readonly [what: string]: unknown };

/** Sends one message to the parent, if it listens, and lets go of it so that this process can outlive it. */
export async function tellParent(message: ParentMessage): Promise<void> {
  if (!process.send || !process.connected) return;
  await new Promise<void>((resolve) => {
    process.send?.(message, undefined, {}, () => resolve());
  });
  if (process.connected) process.disconnect();
}

/**
 * Calls back when the process that started this one is no more, where that one gave it a channel; without, as under a service manager, never.
 * `forget` lets go of the channel, which keeps this process alive.
 */
export function whenParentEnds(act: () => void): { forget(): void } {
  if (process.connected) process.once('disconnect', act);
  return { forget: () => process.off('disconnect', act) };
}

export function failureMessage(error: unknown): FailureMessage {
  const known = error instanceof AppError ? error : undefined;
  const code = known?.code ?? 'INTERNAL';
  return {
    code,
    message: known?.message ?? `This is a bug: ${String(error)}`,
    hint: errorCodes[code].hint,
    details: { ...known?.details },
  };
}
