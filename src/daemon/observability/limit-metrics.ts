import type { Limits } from '../limits/policy.js';
import type { Counter, Metrics } from './metrics.js';

import { AppError } from '../../core/types/errors/app-error.js';

/** Counts what the limits turn away. */
export function observeLimits(limits: Limits, metrics: Metrics): Limits {
  const denied = metrics.counter({
    name: 'syntropy_rate_limited_total',
    help: 'What was turned away by a limit: of an address, of a known caller, of failed attempts to sign in.',
    labels: ['limit'],
  });
  const [address, subject, login] = [denied('address'), denied('subject'), denied('login')];
  return {
    address: (from) => counted(address, () => limits.address(from)),
    subject: (who, cost) => counted(subject, () => limits.subject(who, cost)),
    logins: {
      attempt: (name, source) => counted(login, () => limits.logins.attempt(name, source)),
      succeeded: (name, source) => limits.logins.succeeded(name, source),
    },
  };
}

/** Answers at once what is answered at once: most limits are counted in this process. */
function counted<T>(cell: Counter, take: () => T): T {
  const count = (error: unknown) => {
    if (error instanceof AppError && error.code === 'RATE_LIMITED') cell.add();
  };
  try {
    const taken = take();
    if (taken instanceof Promise) taken.catch(count);
    return taken;
  } catch (error) {
    count(error);
    throw error;
  }
}
