import { LONGEST_TIMER_MS } from '../types/constants/timers.js';

export interface Deadline {
  clear(): void;
}

/** Calls back at a time, however far away; never without one. Does not keep the process alive. */
export function atTime(time: Date | undefined, act: () => void): Deadline {
  let timer: NodeJS.Timeout | undefined;
  const wait = (until: number) => {
    const leftMs = Math.max(0, until - Date.now());
    const isLast = leftMs <= LONGEST_TIMER_MS;
    timer = setTimeout(() => (isLast ? act() : wait(until)), Math.min(leftMs, LONGEST_TIMER_MS));
    timer.unref();
  };
  if (time) wait(time.getTime());
  return { clear: () => clearTimeout(timer) };
}

/**
 * Calls back after so many milliseconds, however many; never without a number. Unlike a time, a span is not moved by whoever sets the clock.
 * Keeps the process alive.
 */
export function afterMs(ms: number | undefined, act: () => void): Deadline {
  let timer: NodeJS.Timeout | undefined;
  const wait = (leftMs: number) => {
    const stepMs = Math.min(leftMs, LONGEST_TIMER_MS);
    timer = setTimeout(() => (stepMs === leftMs ? act() : wait(leftMs - stepMs)), stepMs);
  };
  if (ms !== undefined) wait(ms);
  return { clear: () => clearTimeout(timer) };
}
