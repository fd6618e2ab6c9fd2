import { createHash } from 'node:crypto';

import type { Redis } from 'ioredis';

import type { RedisLink } from './link.js';

/** A window, as the server keeps it. */
interface StoredWindow {
  /** When it was made here, in µs: one that the server has lost and somebody has begun again is another. 0: not made here. */
  readonly id: number;
  readonly used: number;
  /** By the server's clock, in ms. */
  readonly endsAt: number;
}

/** What a replica remembers of a window. */
export interface KnownWindow extends StoredWindow {
  /** How much of `used` the server has not been told. */
  readonly unsent: number;
}

export interface SharedWindow extends StoredWindow {
  readonly allowed: boolean;
  readonly resetMs: number;
}

export interface WindowRequest {
  readonly key: string;
  /** Negative gives back. */
  readonly cost: number;
  readonly limit: number;
  readonly windowMs: number;
  /** Makes good what the server has missed while it was away, or lost: restarted empty, flushed, short of memory. */
  readonly known?: KnownWindow;
}

/**
 * One step on the server, so that replicas cannot both take the last of a window. Time is the server's alone. A window
 * that lasts longer than it should (its clock was set back) is over.
 */
const TAKE = `
local cost, limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local knownId, knownUsed, knownEnds, unsent = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'id', 'used', 'ends')
local id, used, ends = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if ends <= now or ends > now + window then id, used, ends = 0, 0, 0 end
if knownEnds > now and knownEnds <= now + window then
  if id ~= 0 and id == knownId then
    used = math.max(0, used + unsent)
  else
    used = math.max(used, knownUsed)
    if ends == 0 then ends = knownEnds end
  end
end
local begun = ends ~= 0
if not begun then ends = now + window end
if id == 0 then id = time[1] * 1000000 + time[2] end
local allowed = used + cost <= limit
if allowed then used = math.max(0, used + cost) end
if begun or used > 0 then
  redis.call('HSET', KEYS[1], 'id', id, 'used', used, 'ends', ends)
  redis.call('PEXPIREAT', KEYS[1], ends)
end
return {allowed and 1 or 0, id, used, ends, ends - now}
`;
const NOTHING_KNOWN: KnownWindow = { id: 0, used: 0, endsAt: 0, unsent: 0 };
const TAKE_SHA1 = createHash('sha1').update(TAKE).digest('hex');

/** Fixed windows that all replicas count in. */
export class RedisWindows {
  readonly #link: RedisLink;
  readonly #prefix: string;

  constructor(link: RedisLink, namespace: string) {
    this.#link = link;
    this.#prefix = `${namespace}:limit:`;
  }

  get isUp(): boolean {
    return this.#link.isUp;
  }

  /** Takes `cost`, or nothing when that is more than is left; undefined when the server is away. */
  take(request: WindowRequest): Promise<SharedWindow | undefined> {
    return this.#link.ask((redis) => takeFrom(redis, this.#prefix + request.key, request));
  }
}

/** Also what a link is probed with: it reads, writes and runs a script. */
export async function takeFrom(
  redis: Redis,
  key: string,
  { cost, limit, windowMs, known }: Omit<WindowRequest, 'key'>,
): Promise<SharedWindow> {
  const { id, used: knownUsed, endsAt: knownEnd, unsent } = known ?? NOTHING_KNOWN;
  const args = [1, key, cost, limit, windowMs, id, knownUsed, knownEnd, unsent] as const;
  const reply = await redis.evalsha(TAKE_SHA1, ...args).catch((error: unknown) => {
    // A server that was restarted has forgotten its scripts.
    if (error instanceof Error && error.message.startsWith('NOSCRIPT ')) {
      return redis.eval(TAKE, ...args);
    }
    throw error;
  });
  const [allowed, ...numbers] = Array.isArray(reply) ? reply.map(Number) : [];
  const [windowId, used, endsAt, resetMs] = numbers;
  if (
    windowId === undefined ||
    used === undefined ||
    endsAt === undefined ||
    resetMs === undefined
  ) {
    throw new TypeError('The script answers five numbers.');
  }
  return { allowed: allowed === 1, id: windowId, used, endsAt, resetMs };
}
