import { describe, expect, it } from 'vitest';

import type { LeaseRecord, SeenContainer } from '../../../src/agent/work/lease.js';

import { leaseReport, type Standing } from '../../../src/agent/work/lease-report.js';
import { next } from '../../support/assignments.js';
import { held, seen } from '../../support/lease-model.js';

const NOTHING_KNOWN: Standing = {
  containers: [],
  facts: undefined,
  doing: undefined,
  failure: undefined,
  failures: 0,
  digest: undefined,
  words: undefined,
  end: undefined,
};

function reported(record: LeaseRecord, container: SeenContainer, rest: Partial<Standing> = {}) {
  return leaseReport(record, { ...NOTHING_KNOWN, containers: [container], ...rest });
}

// Goal: what is said of a lease is true of what was asked for last, not of what was there before.
describe('how a lease is said to be', () => {
  const of = held();
  const up = seen(of, 'running');
  const job = held({ restart: 'no' });
  const over = seen(job, 'exited', { exitCode: 0 });
  const other = next({ ...of, secrets: [] }, { image: 'registry.test/app:2' });

  it.each<[string, LeaseRecord, SeenContainer, string]>([
    ['up', { wanted: of, good: of }, up, 'running'],
    [
      'to be restarted, which nothing has begun with',
      { wanted: { ...of, restart: 2 }, good: of, restarted: 1 },
      up,
      'restarting',
    ],
    [
      'a job that has ended, and is to be restarted',
      { wanted: { ...job, restart: 1 }, good: job, restarted: 0 },
      over,
      'restarting',
    ],
    ['restarted', { wanted: { ...of, restart: 2 }, good: of, restarted: 2 }, up, 'running'],
    [
      'wanted again while it is being stopped',
      { wanted: of, good: of, held: up.id },
      up,
      'starting',
    ],
    [
      'gone back to, while it is being stopped for good',
      { wanted: of, good: other, leaving: [up.id] },
      up,
      'assigned',
    ],
  ])('%s', (_, record, container, phase) => {
    expect(reported(record, container).phase).toBe(phase);
  });
});

describe('why a lease is as it is', () => {
  const of = held({ memoryBytes: 8 * 2 ** 20 });
  const record = { wanted: of, good: of };
  const job = held({ restart: 'no', memoryBytes: 8 * 2 ** 20 });
  const end = { exitCode: 5, oomKilled: false };

  it('one that ends over and over says so while it waits, and when it runs again', () => {
    const waits = reported(record, seen(of, 'restarting', end), { end, words: 'no database' });
    const runs = reported(record, seen(of, 'running'), { end, words: 'no database' });

    expect(waits).toMatchObject({
      phase: 'restarting',
      code: 'CONTAINER_FAILED',
      reason: 'It ended with status 5.',
      lastWords: 'no database',
      exitCode: 5,
    });
    expect(runs).toMatchObject({
      phase: 'running',
      code: 'CONTAINER_FAILED',
      reason: 'It ended with status 5. It was started again.',
      lastWords: 'no database',
    });
    expect(runs.exitCode).toBeUndefined();
  });

  it.each([
    [137, 'It was ended for using more than its 8 MiB of memory.'],
    [1, 'It ended with status 1: something in it used more than its 8 MiB of memory.'],
  ])('one that had too little memory and ended with %d says so', (exitCode, reason) => {
    const container = seen(job, 'exited', { exitCode, oomKilled: true });

    expect(reported({ wanted: job, good: job }, container)).toMatchObject({
      phase: 'exited',
      reason,
    });
  });

  it('one that is restarted because that was asked for says nothing', () => {
    const asked = { ...record, wanted: { ...of, restart: 1 }, restarted: 0 };

    expect(reported(asked, seen(of, 'exited', { exitCode: 143 })).reason).toBeUndefined();
  });
});
