import type { LimitWindow } from '../dispatch.js';

/** How much of what may be had in which time. */
export interface Allowance {
  /** What is counted. Kinds do not take each other's room: a flood of one evicts nothing of another. */
  readonly kind: 'address' | 'subject' | 'login' | 'login-from';
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

/** A window as this process knows it. */
interface LocalWindow {
  used: number;
  /** By this process's clock, in ms. */
  endsAt: number;
  /** What a store calls it, by the store's clock; absent, no store knows of it. */
  shared?: { readonly id: number; readonly endsAt: number };
  /** How much of `used` the store has not been told. */
  unsent: number;
}

/** What is to be told to a store that may have missed or lost it. */
export interface KnownWindow {
  /** 0 when it was begun here. */
  readonly id: number;
  readonly used: number;
  readonly endsAt: number;
  readonly unsent: number;
}

/** What a store answered. */
export interface SharedWindow {
  readonly id: number;
  readonly used: number;
  readonly endsAt: number;
  readonly resetMs: number;
}

/** Keys of one kind that are counted at once; the one that began longest ago makes room. */
const MAX_KEYS = 50_000;

/** Counts in this process. */
export class LocalLimiter implements RateLimiter {
  readonly #now: () => number;
  /** By kind and key. Windows of a kind are all as long, so the order in which they began is that in which they end. */
  readonly #kinds = new Map<Allowance['kind'], Map<string, LocalWindow>>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  take(key: string, cost: number, allowance: Allowance): Taken {
    const { limit, windowMs } = allowance;
    const now = this.#now();
    const window = this.#open(key, allowance) ?? { used: 0, endsAt: now + windowMs, unsent: 0 };
    const allowed = window.used + cost <= limit;
    if (allowed) {
      const used = Math.max(0, window.used + cost);
      window.unsent += used - window.used;
      window.used = used;
    }
    // Giving back to nothing begins nothing.
    if (window.used > 0) this.#keep(key, allowance, window);
    return {
      allowed,
      limit,
      remaining: Math.max(0, limit - window.used),
      resetMs: Math.max(0, window.endsAt - now),
    };
  }

  /** What to tell the store; what it has not been told counts as told from here on. */
  tell(key: string, allowance: Allowance): KnownWindow | undefined {
    const window = this.#open(key, allowance);
    if (!window) return undefined;
    const { used, endsAt, shared, unsent } = window;
    window.unsent = 0;
    return { used, unsent, ...(shared ?? { id: 0, endsAt }) };
  }

  /** The store was not told after all. */
  untell(key: string, allowance: Allowance, { unsent }: KnownWindow): void {
    const window = this.#open(key, allowance);
    if (window) window.unsent += unsent;
  }

  /** Goes on from what the store counts. */
  learn(key: string, allowance: Allowance, { id, used, endsAt, resetMs }: SharedWindow): void {
    const window = this.#open(key, allowance);
    const endsAtHere = this.#now() + Math.min(resetMs, allowance.windowMs);
    const shared = { id, endsAt };
    if (window?.shared?.id === id) Object.assign(window, { used, endsAt: endsAtHere, shared });
    // Nothing taken and nothing known: nothing has begun.
    else if (used > 0 || window) {
      this.#keep(key, allowance, { used, endsAt: endsAtHere, shared, unsent: 0 });
    }
  }

  /** The window of a key, when one is open. One that ends too late is of a clock that was set back since. */
  #open(key: string, { kind, windowMs }: Allowance): LocalWindow | undefined {
    const found = this.#kinds.get(kind)?.get(key);
    const leftMs = (found?.endsAt ?? 0) - this.#now();
    return leftMs > 0 && leftMs <= windowMs ? found : undefined;
  }

  #keep(key: string, { kind }: Allowance, window: LocalWindow): void {
    let windows = this.#kinds.get(kind);
    if (!windows) this.#kinds.set(kind, (windows = new Map()));
    if (windows.get(key) === window) return;
    windows.delete(key);
    windows.set(key, window);
    for (const [oldest, { endsAt }] of windows) {
      if (windows.size <= MAX_KEYS && endsAt > this.#now()) break;
      windows.delete(oldest);
    }
  }
}
