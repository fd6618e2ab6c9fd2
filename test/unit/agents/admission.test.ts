import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { Admission, type AdmissionLimits } from '../../../src/daemon/agents/admission.js';

const LIMITS: AdmissionLimits = { perSecond: 10, burst: 5, proving: 2, waiting: 3 };

/** Lets one in, or tells when it may come again. */
function tried(admission: Admission): 'in' | number {
  try {
    admission.enter();
    return 'in';
  } catch (error) {
    return error instanceof AppError ? Number(error.details['retryAfterSeconds']) : NaN;
  }
}

/** Work that ends when the test says so. */
function heldWork() {
  const begun: string[] = [];
  const held: PromiseWithResolvers<void>[] = [];
  return {
    begun,
    named: (name: string) => () => {
      begun.push(name);
      const work = Promise.withResolvers<void>();
      held.push(work);
      return work.promise;
    },
    endFirst: () => held.shift()?.resolve(),
    failFirst: () => held.shift()?.reject(new TypeError('of the work')),
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

// Goal: however many agents come, a bounded number is let in, and a bounded number costs something at one time.
describe('the rate at which agents are let in', () => {
  it('is never more than the burst and what the time since has brought', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 200 }), (gaps) => {
        const time = { ms: 0 };
        const admission = new Admission(LIMITS, () => time.ms);
        let admitted = 0;
        for (const gap of gaps) {
          time.ms += gap;
          if (tried(admission) === 'in') admitted += 1;
          expect(admitted).toBeLessThanOrEqual(LIMITS.burst + (time.ms / 1_000) * LIMITS.perSecond);
        }
      }),
    );
  });

  it('refuses nobody who comes no faster than that', () => {
    const time = { ms: 0 };
    const admission = new Admission(LIMITS, () => time.ms);

    const outcomes = Array.from({ length: 100 }, () => {
      time.ms += 101;
      return tried(admission);
    });

    expect(new Set(outcomes)).toEqual(new Set(['in']));
  });

  it('tells those who are too many to come one after the other, within a bounded time', () => {
    const admission = new Admission(LIMITS, () => 0);
    const outcomes = Array.from({ length: 1_000 }, () => tried(admission));

    expect(outcomes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'in'));
    expect(outcomes.slice(5, 26).map(Number)).toEqual([
      ...Array.from({ length: 10 }, () => 1),
      ...Array.from({ length: 10 }, () => 2),
      3,
    ]);
    expect(outcomes.at(-1)).toBe(50);
  });

  it('tells those who come later to wait no longer than those before them have to', () => {
    const time = { ms: 0 };
    const admission = new Admission(LIMITS, () => time.ms);
    for (let n = 0; n < 105; n += 1) tried(admission);

    time.ms = 10_000;
    for (let n = 0; n < 5; n += 1) tried(admission);

    expect(tried(admission)).toBe(1);
  });
});

describe('the proofs that are looked at', () => {
  it('are so many at one time, and the others in the order in which they came', async () => {
    const admission = new Admission(LIMITS);
    const work = heldWork();
    const all = ['a', 'b', 'c', 'd'].map((name) => admission.prove(work.named(name), () => true));

    await settled();
    const first = [...work.begun];
    work.endFirst();
    await settled();
    const second = [...work.begun];
    for (let n = 0; n < 3; n += 1) {
      work.endFirst();
      await settled();
    }
    await Promise.all(all);

    expect(first).toEqual(['a', 'b']);
    expect(second).toEqual(['a', 'b', 'c']);
    expect(work.begun).toEqual(['a', 'b', 'c', 'd']);
  });

  it('give their place back when they fail, and when nobody waits for them any more', async () => {
    const admission = new Admission(LIMITS);
    const outcomes: unknown[] = [];
    for (let n = 0; n < 10; n += 1) {
      const work = heldWork();
      const failing = admission.prove(work.named('failing'), () => true);
      await settled();
      work.failFirst();
      outcomes.push(await failing.catch((error: unknown) => error));
      const gone = admission.prove(work.named('gone'), () => false);
      outcomes.push(await gone.catch((error: unknown) => error));
      expect(work.begun).toEqual(['failing']);
    }

    expect(
      await admission.prove(
        () => Promise.resolve('believed'),
        () => true,
      ),
    ).toBe('believed');
    expect(outcomes).toHaveLength(20);
    expect(outcomes[1]).toMatchObject({ code: 'TIMED_OUT' });
  });

  it('are refused when too many wait, and so is whoever comes then', async () => {
    const admission = new Admission(LIMITS);
    const work = heldWork();
    const all = Array.from({ length: 5 }, () => admission.prove(work.named('one'), () => true));

    const refused = admission.prove(work.named('too many'), () => true);
    await expect(refused).rejects.toMatchObject({ code: 'DAEMON_BUSY' });
    const outside = tried(admission);
    for (let n = 0; n < 5; n += 1) {
      await settled();
      work.endFirst();
    }
    await Promise.all(all);

    expect(outside).toBe(1);
    expect(tried(admission)).toBe('in');
  });
});
