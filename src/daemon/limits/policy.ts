import type { LoginThrottle } from '../../core/services/cooperative/session.ports.js';
import type { Config } from '../../core/config/load.js';
import type { LimitWindow } from '../dispatch.js';
import type { Subject } from '../subject.js';
import type { Allowance, RateLimiter, Taken } from './limiter.js';

import { AppError } from '../../core/types/errors/app-error.js';

const MINUTE_MS = 60_000;
/** Failures to sign in: per member, for whoever guesses one password; per address, for whoever tries one on many members. */
const LOGIN_WINDOW_MS = 15 * MINUTE_MS;
const LOGIN_FAILURES_PER_MEMBER = 10;
const LOGIN_FAILURES_PER_ADDRESS = 30;

export interface Limits {
  /** For every request from elsewhere, before anything is known of it. @throws {AppError} RATE_LIMITED. */
  readonly address: (address: string) => LimitWindow | Promise<LimitWindow>;
  /** For every call of somebody known, by its weight. @throws {AppError} RATE_LIMITED. */
  readonly subject: (subject: Subject, cost: number) => LimitWindow | Promise<LimitWindow>;
  readonly logins: LoginThrottle;
}

/** Who may ask how much. Answers at once where the counting is done in this process. */
export function createLimits(limiter: RateLimiter, config: Config): Limits {
  const perAddress = { limit: config.get('limits.perAddressPerMinute'), windowMs: MINUTE_MS };
  const perSubject = { limit: config.get('limits.perSubjectPerMinute'), windowMs: MINUTE_MS };
  return {
    address: (address) => settle(limiter.take(`address:${network(address)}`, 1, perAddress)),
    subject: ({ id }, cost) => settle(limiter.take(`subject:${id}`, cost, perSubject)),
    logins: loginThrottle(limiter),
  };
}

function loginWindows(name: string, source: string): readonly (readonly [string, Allowance])[] {
  const perMember = { limit: LOGIN_FAILURES_PER_MEMBER, windowMs: LOGIN_WINDOW_MS };
  const perAddress = { limit: LOGIN_FAILURES_PER_ADDRESS, windowMs: LOGIN_WINDOW_MS };
  return [
    [`login:${name}`, perMember],
    [`login-from:${network(source)}`, perAddress],
  ];
}

function loginThrottle(limiter: RateLimiter): LoginThrottle {
  return {
    async attempt(name, source) {
      for (const [key, allowance] of loginWindows(name, source)) {
        allowed(await limiter.take(key, 1, allowance));
      }
    },
    async succeeded(name, source) {
      for (const [key, allowance] of loginWindows(name, source))
        await limiter.take(key, -1, allowance);
    },
  };
}

function settle(taken: Taken | Promise<Taken>): LimitWindow | Promise<LimitWindow> {
  return 'allowed' in taken ? allowed(taken) : taken.then(allowed);
}

function allowed(taken: Taken): LimitWindow {
  if (taken.allowed) return taken;
  throw limited(taken);
}

function limited({ limit, resetMs }: LimitWindow): AppError {
  const retryAfterSeconds = Math.max(1, Math.ceil(resetMs / 1000));
  return new AppError(
    'RATE_LIMITED',
    `Too many requests; the next may come in ${retryAfterSeconds} s.`,
    { limit, retryAfterSeconds },
  );
}

/** Whoever has one IPv6 address has 2^64 of them: they count as one. */
function network(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.split('%')[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}
