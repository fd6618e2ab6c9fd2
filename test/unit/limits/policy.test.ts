import { describe, expect, it } from 'vitest';

import type { Config } from '../../../src/core/config/load.js';

import { loadConfig } from '../../../src/core/config/load.js';
import { LocalLimiter } from '../../../src/daemon/limits/limiter.js';
import { createLimits } from '../../../src/daemon/limits/policy.js';

const config: Config = await loadConfig({
  file: '/nonexistent/config.toml',
  env: { SYNTROPY_LIMIT_PER_ADDRESS: '3' },
  flags: {},
});
const limits = () => createLimits(new LocalLimiter(() => 0), config);

async function times(count: number, attempt: (index: number) => Promise<unknown>) {
  for (let index = 0; index < count; index += 1) await attempt(index);
}

// Goal: who guesses is slowed down, and nobody else.
describe('limits', () => {
  it('answers at once where the counting is done in this process', () => {
    expect(limits().address('192.0.2.1')).toEqual({
      allowed: true,
      limit: 3,
      remaining: 2,
      resetMs: 60_000,
    });
  });

  it('says when to come back', async () => {
    const { address } = limits();
    await times(3, async () => address('192.0.2.1'));

    expect(() => address('192.0.2.1')).toThrow(
      expect.objectContaining({
        code: 'RATE_LIMITED',
        details: { limit: 3, retryAfterSeconds: 60 },
      }),
    );
  });

  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9%eth0', true],
    ['2001:db8:1:2::1', '2001:DB8:1:2::3', true],
    ['2001:db8:1:2::1', '2001:0db8:0001:0002::3', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
  ])('counts %s and %s as one: %s', async (one, other, isSame) => {
    const { address } = limits();
    await times(3, async () => address(one));

    const answer: unknown = await (async () => address(other))().catch((error: unknown) => error);

    expect(answer).toMatchObject(isSame ? { code: 'RATE_LIMITED' } : { remaining: 2 });
  });

  it('lets ten guesses at a member’s password through, wherever they come from', async () => {
    const { logins } = limits();
    await times(10, (index) => logins.attempt('alice', `192.0.2.${index}`));

    await expect(logins.attempt('alice', '192.0.2.99')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      details: { retryAfterSeconds: 900 },
    });
    await expect(logins.attempt('bob', '192.0.2.1')).resolves.toBeUndefined();
  });

  it('lets thirty guesses from an address through, at whomever', async () => {
    const { logins } = limits();
    await times(30, (index) => logins.attempt(`member-${index}`, '192.0.2.1'));

    await expect(logins.attempt('alice', '192.0.2.1')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    });
  });

  it('locks no member out with attempts of an address that is refused already', async () => {
    const { logins } = limits();
    await times(30, (index) => logins.attempt(`member-${index}`, '192.0.2.1'));

    await times(20, () => logins.attempt('alice', '192.0.2.1').catch(() => undefined));

    await expect(
      times(10, (index) => logins.attempt('alice', `198.51.100.${index}`)),
    ).resolves.toBeUndefined();
  });

  it('counts no attempt that succeeds', async () => {
    const { logins } = limits();

    await times(100, async () => {
      await logins.attempt('alice', '192.0.2.1');
      await logins.succeeded('alice', '192.0.2.1');
    });

    await expect(logins.attempt('alice', '192.0.2.1')).resolves.toBeUndefined();
  });
});
