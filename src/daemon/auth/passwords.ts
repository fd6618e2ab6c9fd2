import { hash, verify } from '@node-rs/argon2';

import type { Passwords } from '../../core/services/cooperative/session.ports.js';

import { AppError } from '../../core/types/errors/app-error.js';

/** `Algorithm.Argon2id`; the package's enum is of a kind that exists for the compiler only. */
const ARGON2ID = 2;

/** OWASP's first choice for Argon2id: 19 MiB, two passes, one lane (Password Storage Cheat Sheet). */
const PARAMETERS = {
  algorithm: ARGON2ID,
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
} as const;

/** Each takes a thread of the pool and 19 MiB for some 30 ms. */
const MAX_AT_ONCE = 2;
const MAX_WAITING = 32;

/** Passwords by Argon2id (RFC 9106), a bounded number at a time. */
export function createPasswords(): Passwords {
  const turn = createTurns(MAX_AT_ONCE, MAX_WAITING);
  const decoy = hash('no member has this password', PARAMETERS);
  return {
    hash: (password) => turn(() => hash(password, PARAMETERS)),
    async verify(stored, password) {
      const against = stored ?? (await decoy);
      const matches = await turn(() => verify(against, password));
      return matches && stored !== undefined;
    },
  };
}

/** Lets so many run at once and so many wait. @throws {AppError} LIMIT_REACHED for one more. */
function createTurns(maxRunning: number, maxWaiting: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= maxRunning) {
      if (waiting.length >= maxWaiting) {
        throw new AppError('LIMIT_REACHED', 'Too many are signing in at this moment.');
      }
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
