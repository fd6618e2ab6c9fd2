import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 25;

/**
 * Polls until `probe` answers with something other than undefined or false, and returns that.
 * Fails with `what` in its message after `timeoutMs`, so that a hang names what it waited for.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.`);
    await pause(POLL_MS);
  }
}
