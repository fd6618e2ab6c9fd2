import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 100;

/** Whether something became so within a time. What cannot be asked now is asked again. */
export async function becomes(isSo, timeoutMs) {
  const until = performance.now() + timeoutMs;
  for (;;) {
    if (await Promise.resolve(isSo()).catch(() => false)) return true;
    if (performance.now() > until) return false;
    await pause(POLL_MS);
  }
}
