import { expect, it } from 'vitest';

import type { Allowance, KnownWindow } from '../../../src/daemon/limits/limiter.js';

import {
  createSharedLimiter,
  type WindowStore,
} from '../../../src/daemon/limits/shared-limiter.js';

const TEN: Allowance = { kind: 'subject', limit: 10, windowMs: 60_000 };

// Goal: what was given while the store was away is told until the store has heard it.
it('tells the store again what it did not hear', async () => {
  const told: (KnownWindow | undefined)[] = [];
  const store: WindowStore & { isUp: boolean } = {
    isUp: false,
    take: async ({ known }) => {
      told.push(known);
      return undefined;
    },
  };
  const limiter = createSharedLimiter(store);
  await limiter.take('a', 4, TEN);
  store.isUp = true;

  await limiter.take('a', 1, TEN);
  await limiter.take('a', 1, TEN);

  expect(told).toMatchObject([
    { used: 4, unsent: 4 },
    { used: 5, unsent: 5 },
  ]);
});
