import type { LoginThrottle } from '../../core/services/cooperative/session.ports.js';
import type { Config } from '../../core/config/load.js';
import type { LimitWindow } from '../dispatch.js';
import type { Subject } from '../subject.js';
import type { Allowance, RateLimiter, Taken } from './limiter.js';

import { AppError } from '../../core/types/errors/app-error.js';

const MINUTE_MS = 60_000;
/** Failures to sign in: per member, for whoever guesses one password; per address, for whoever tries one on many members. */
const PER_MEMBER: Allowance = { kind: 'login', limit: 10, windowMs: 15 * MINUTE_MS };
const PER_ADDRESS: Allowance = { kind: 'login-from', limit: 30, windowMs: 15 * MINUTE_MS };

export interface Limits {
  /** For every request from elsewhere, before anything is known of it. @throws {AppError} RATE_LIMITED. */
  readonly address: (address: string) => LimitWindow | Promise<LimitWindow>;
  /** For every call of somebody known, by its weight. @throws {AppError} RATE_LIMITED. */
  readonly subject: (subject: Subject, cost: number) => LimitWindow | Promise<LimitWindow>;
  readonly logins: LoginThrottle;
}

/** Who may ask how much. Answers at once where the counting is done in this process. */
export function createLimits(limiter: RateLimiter, config: Config): Limits {
  const perAddress: Allowance = {
    kind: 'address',
    limit: config.get('limits.perAddressPerMinute'),
    windowMs: MINUTE_MS,
  };
  const perSubject: Allowance = {
    kind: 'subject',
    limit: config.get('limits.perSubjectPerMinute'),
    windowMs: MINUTE_MS,
  };
  return {
    address: (address) => settle(limiter.take(network(address), 1, perAddress)),
    subject: ({ id }, cost) => settle(limiter.take(id, cost, perSubject)),
    logins: loginThrottle(limiter),
  };
}

function loginThrottle(limiter: RateLimiter): LoginThrottle {
  return {
    async attempt(name, source) {
      for (const [key, allowance] of failures(name, source)) {
        allowed(await limiter.take(key, 1, allowance));
      }
    },
    async succeeded(name, source) {
      for (const [key, allowance] of failures(name, source)) await limiter.take(key, -1, allowance);
    },
  };
}

/** What an attempt counts against. The address first: one that is refused must not go on to lock members out. */
function failures(name: string, source: string) {
  return [
    [network(source), PER_ADDRESS],
    [name, PER_MEMBER],
  ] as const;
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

/** Whoever has one IPv6 address has 2^64 of them: they count as one. An IPv4 address may come in the guise of one. */
function network(address: string): string {
  if (!address.includes(':')) return address;
  const bare = address.split('%')[0] ?? '';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  if (mapped?.[1] !== undefined) return mapped[1];
  // A URL knows one spelling of each address (https://url.spec.whatwg.org/#concept-ipv6-serializer).
  const spelt = URL.parse(`http://[${bare}]`)?.hostname.slice(1, -1) ?? bare;
  const [left = '', right = ''] = spelt.split('::');
  const groups = left === '' ? [] : left.split(':');
  const rest = right === '' ? [] : right.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0');
  return `${[...groups, ...zeros, ...rest].slice(0, 4).join(':')}::/64`;
}
