import type { KnownWindow, RateLimiter, SharedWindow, Taken } from './limiter.js';

import { LocalLimiter } from './limiter.js';

/** Windows that all replicas count in. Implemented by core/storage/redis/windows.ts. */
export interface WindowStore {
  readonly isUp: boolean;
  /** Undefined when the store is away. */
  take(request: {
    readonly key: string;
    readonly cost: number;
    readonly limit: number;
    readonly windowMs: number;
    readonly known?: KnownWindow;
  }): Promise<(SharedWindow & { readonly allowed: boolean }) | undefined>;
}

/**
 * Counts in the store, exactly over all replicas, and beside it in this process. Without the store each replica goes on
 * by itself from what it knows; a store that comes back empty goes on from what the replicas know. So nobody gains more
 * than one limit a replica by taking the store away, however often.
 */
export function createSharedLimiter(store: WindowStore, local = new LocalLimiter()): RateLimiter {
  return {
    take(key, cost, allowance) {
      if (!store.isUp) return local.take(key, cost, allowance);
      return takeShared();

      async function takeShared(): Promise<Taken> {
        const { kind, limit, windowMs } = allowance;
        const known = local.tell(key, allowance);
        const shared = await store.take({
          key: `${kind}:${key}`,
          cost,
          limit,
          windowMs,
          ...(known ? { known } : {}),
        });
        if (!shared) {
          if (known) local.untell(key, allowance, known);
          return local.take(key, cost, allowance);
        }
        local.learn(key, allowance, shared);
        const { allowed, used, resetMs } = shared;
        return { allowed, limit, remaining: Math.max(0, limit - used), resetMs };
      }
    },
  };
}
