import type { ErrorCode } from '../core/types/errors/codes.js';

import { AppError } from '../core/types/errors/app-error.js';
import { errorCodes } from '../core/types/errors/codes.js';

interface FailureMessage {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** What the daemon process says to the process that started it, once, over the IPC channel. */
export type StartMessage =
  | { readonly type: 'ready'; readonly daemon: unknown }
  | { readonly type: 'restored'; readonly restored: unknown }
  | { readonly type: 'failed'; readonly error: FailureMessage };

/** Sends one message to the parent, if it listens, and lets go of it so that the daemon can outlive it. */
export async function tellParent(message: StartMessage): Promise<void> {
  if (!process.send || !process.connected) return;
  await new Promise<void>((resolve) => {
    process.send?.(message, undefined, {}, () => resolve());
  });
  if (process.connected) process.disconnect();
}

export function failureMessage(error: unknown): FailureMessage {
  const known = error instanceof AppError ? error : undefined;
  const code = known?.code ?? 'INTERNAL';
  return {
    code,
    message: known?.message ?? `The daemon hit a bug: ${String(error)}`,
    hint: errorCodes[code].hint,
    details: { ...known?.details },
  };
}
