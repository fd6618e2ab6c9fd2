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
