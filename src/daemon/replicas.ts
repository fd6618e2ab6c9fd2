import type { OpenRedis } from '../core/storage/redis/open.js';
import type { ReadCache } from './cache/read-cache.js';
import type { RateLimiter } from './limits/limiter.js';

import { createMemoryCache } from './cache/read-cache.js';
import { createSharedCache } from './cache/shared-cache.js';
import { LocalLimiter } from './limits/limiter.js';
import { createSharedLimiter } from './limits/shared-limiter.js';

/** Tells other replicas that something has happened, beside LISTEN/NOTIFY. Messages may be lost. */
export interface WakeUps {
  publish(type: string): Promise<void>;
  /** Called with the type of what has happened elsewhere; without one, when messages may have been lost. */
  onWake(listener: (type: string | undefined) => void): void;
}

/** What replicas share beside the database. None of it is the truth: without it, each goes on by itself. */
export interface Replicas {
  readonly limiter: RateLimiter;
  readonly cache: ReadCache;
  readonly wakeUps: WakeUps;
  /** `local` when there is nothing to share through. */
  state(): 'local' | 'ok' | 'degraded';
  close(): void;
}

export interface ReplicaOptions {
  readonly redisUrl: string | undefined;
  readonly namespace: string;
  readonly release: string;
  readonly onTrouble: (what: string, details: Record<string, unknown>) => void;
}

/** @throws {AppError} CONFIG_INVALID when the URL is none. */
export async function openReplicas({ redisUrl, ...options }: ReplicaOptions): Promise<Replicas> {
  if (redisUrl === undefined) return alone();
  // The driver is loaded where there is a server for it.
  const { openRedis } = await import('../core/storage/redis/open.js');
  return together(await openRedis(redisUrl, options));
}

function alone(): Replicas {
  return {
    limiter: new LocalLimiter(),
    cache: createMemoryCache(),
    wakeUps: { publish: async () => undefined, onWake: () => undefined },
    state: () => 'local',
    close: () => undefined,
  };
}

function together(redis: OpenRedis): Replicas {
  return {
    limiter: createSharedLimiter(redis.windows),
    cache: createSharedCache(redis.texts, createMemoryCache()),
    wakeUps: redis.wakeUps,
    state: redis.state,
    close: redis.close,
  };
}
