import type { LimitWindow } from '../dispatch.js';

export interface Allowance {
  readonly limit: number;
  readonly windowMs: number;
}

/** What taking from a window gave. Refused, nothing was taken. */
export interface Taken extends LimitWindow {
  readonly allowed: boolean;
}

/**
 * Counts in fixed windows, each of which begins with its first call. All replicas that share a store count as one: never more than the limit
 * within a window.
 */
export interface RateLimiter {
  /** Takes `cost` from the window of this key, or nothing when that is more than is left. A negative cost gives back. */
  take(key: string, cost: number, allowance: Allowance): Taken | Promise<Taken>;
}

/** Keys that are counted at once; the one that began longest ago makes room. */
const MAX_KEYS = 50_000;

interface Window {
  used: number;
  readonly endsAt: number;
}

/** Counts in this process. */
export function createMemoryLimiter(now: () => number = Date.now): RateLimiter {
  const windows = new Map<string, Window>();
  const current = (key: string, windowMs: number): Window => {
    const found = windows.get(key);
    if (found && found.endsAt > now()) return found;
    windows.delete(key);
    const [oldest] = windows.keys();
    if (oldest !== undefined && windows.size >= MAX_KEYS) windows.delete(oldest);
    const window = { used: 0, endsAt: now() + windowMs };
    windows.set(key, window);
    return window;
  };
  return {
    take(key, cost, { limit, windowMs }) {
      const window = current(key, windowMs);
      const allowed = window.used + cost <= limit;
      if (allowed) window.used = Math.max(0, window.used + cost);
      return {
        allowed,
        limit,
        remaining: Math.max(0, limit - window.used),
        resetMs: Math.max(0, window.endsAt - now()),
      };
    },
  };
}
