import { describe, expect, it } from 'vitest';

import type { Limits } from '../../../src/daemon/limits/policy.js';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { observeLimits } from '../../../src/daemon/observability/limit-metrics.js';
import { createMetrics } from '../../../src/daemon/observability/metrics.js';
import { anonymous } from '../../../src/daemon/subject.js';
import { parseMetrics } from '../../support/scrape.js';

const limited = () => new AppError('RATE_LIMITED', 'Too many.');
const left = { limit: 2, remaining: 1, resetMs: 1 };

function observed(limits: Limits) {
  const metrics = createMetrics();
  const denials = async (limit: string) =>
    parseMetrics(await metrics.render()).value('syntropy_rate_limited_total', { limit });
  return { limits: observeLimits(limits, metrics), denials };
}

// Goal: whoever runs a daemon sees that it turns callers away, and which limit does.
describe('what a limit turns away is counted', () => {
  it.each([
    [
      'in this process',
      () => {
        throw limited();
      },
    ],
    ['in Redis', () => Promise.reject(limited())],
  ])('when it is counted %s', async (_, refuse) => {
    const { limits, denials } = observed({
      address: refuse,
      subject: refuse,
      logins: { attempt: async () => refuse(), succeeded: async () => undefined },
    });

    await expect(async () => limits.address('::1')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await expect(async () => limits.subject(anonymous, 1)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
    await expect(limits.logins.attempt('ann', '::1')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
    await expect(limits.logins.attempt('ann', '::1')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });

    expect([await denials('address'), await denials('subject'), await denials('login')]).toEqual([
      1, 1, 2,
    ]);
  });

  it('and nothing else is', async () => {
    const { limits, denials } = observed({
      address: () => left,
      subject: () => Promise.reject(new TypeError('a bug')),
      logins: { attempt: async () => undefined, succeeded: async () => undefined },
    });

    // What is answered at once stays so: the hot path has nothing to wait for.
    expect(limits.address('::1')).toBe(left);
    await expect(async () => limits.subject(anonymous, 1)).rejects.toThrow('a bug');

    expect([await denials('address'), await denials('subject')]).toEqual([0, 0]);
  });
});
