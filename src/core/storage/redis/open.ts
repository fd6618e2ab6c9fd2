import { Redis } from 'ioredis';

import { AppError } from '../../types/errors/app-error.js';
import { RedisLink, type RedisState } from './link.js';
import { RedisTexts } from './texts.js';
import { RedisWakeUps } from './wake-ups.js';
import { RedisWindows, takeFrom } from './windows.js';

/** A call that is answered later than this would have been better off without. */
const ANSWER_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 2_000;
/** A connection on which nothing comes back for so long is made anew. */
const SILENCE_TIMEOUT_MS = 5_000;
const RECONNECT_MS = 500;
/** How long the start waits for a server that is slow to answer. */
const OPEN_TIMEOUT_MS = 1_000;
const PROBE = { cost: 1, limit: 1, windowMs: 1_000 };

export interface RedisStoreOptions {
  /** Grids that share a server must not share what they keep there. */
  readonly namespace: string;
  /** What replicas of another release would write or read otherwise. */
  readonly release: string;
  /** Never with a secret. */
  readonly onTrouble: (what: string, details: Record<string, unknown>) => void;
}

/** What replicas share beside the database; none of it is the truth, and all of it may be away. */
export interface OpenRedis {
  readonly windows: RedisWindows;
  readonly texts: RedisTexts;
  readonly wakeUps: RedisWakeUps;
  readonly state: () => RedisState;
  readonly close: () => void;
}

/**
 * Opens a Redis server, one that is away too: it is used once it is there.
 * @throws {AppError} CONFIG_INVALID (not a URL), without quoting it.
 */
export async function openRedis(url: string, options: RedisStoreOptions): Promise<OpenRedis> {
  const client = new Redis({ ...clientOptions(url), socketTimeout: SILENCE_TIMEOUT_MS });
  const subscriber = new Redis(clientOptions(url));
  const namespace = `syntropy:${options.namespace}`;
  const link = new RedisLink(client, {
    probe: (redis) => takeFrom(redis, `${namespace}:probe`, PROBE),
    onTrouble: options.onTrouble,
  });
  const wakeUps = new RedisWakeUps(link, subscriber, namespace);
  await settled(client, link);
  return {
    windows: new RedisWindows(link, namespace),
    texts: new RedisTexts(link, `${namespace}:${options.release}`),
    wakeUps,
    state: () => (link.isUp ? 'ok' : 'degraded'),
    close() {
      wakeUps.close();
      link.close();
    },
  };
}

function clientOptions(url: string) {
  return {
    ...addressOf(url),
    // We ask for numbers and texts; a HELLO more at each connect would gain nothing.
    protocol: 2 as const,
    connectionName: 'syntropy',
    disableClientInfo: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: ANSWER_TIMEOUT_MS,
    // What cannot be asked now is answered without: nothing waits for a server, and nothing is asked twice.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: null,
    retryStrategy: () => RECONNECT_MS + Math.floor(Math.random() * RECONNECT_MS),
  };
}

function addressOf(url: string) {
  const parsed = URL.parse(url);
  const db = Number(
    (parsed?.protocol === 'unix:' ? parsed.searchParams.get('db') : parsed?.pathname.slice(1)) ?? 0,
  );
  const isKnown = parsed && /^(rediss?|unix):$/.test(parsed.protocol);
  if (!isKnown || !Number.isInteger(db) || db < 0) {
    throw new AppError(
      'CONFIG_INVALID',
      'REDIS_URL must be like redis://user:password@host:6379/0, rediss://… or unix:///path/to/socket.',
      { key: 'redis.url' },
    );
  }
  const login = {
    db,
    ...(parsed.username === '' ? {} : { username: decodeURIComponent(parsed.username) }),
    ...(parsed.password === '' ? {} : { password: decodeURIComponent(parsed.password) }),
  };
  if (parsed.protocol === 'unix:') return { ...login, path: decodeURIComponent(parsed.pathname) };
  return {
    ...login,
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parsed.port || 6379),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

/** Until it is known whether the server is there, a bounded time. */
async function settled(client: Redis, link: RedisLink): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, OPEN_TIMEOUT_MS);
  client.once('ready', resolve);
  client.once('close', resolve);
  await promise;
  clearTimeout(timer);
  await link.probe();
}
