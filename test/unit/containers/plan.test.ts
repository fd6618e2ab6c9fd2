import { describe, expect, it } from 'vitest';

import type { LeaseRecord, SeenContainer } from '../../../src/agent/work/lease.js';

import {
  afterFailure,
  plan,
  planStrays,
  SETTLE_MS,
  type Step,
  UPDATE_SETTLE_MS,
} from '../../../src/agent/work/plan.js';
import { next } from '../../support/assignments.js';
import { HEALTH, held, seen } from '../../support/lease-model.js';

function kinds(steps: readonly Step[]): readonly string[] {
  return steps.map(({ kind }) => kind);
}

function stepsOf(record: LeaseRecord, containers: readonly SeenContainer[], nowMs = 1_000_000) {
  return kinds(plan(record, { containers, notBeforeMs: 0 }, nowMs).steps);
}

// Goal: each thing that may be wanted of a lease is a row here.
describe('what is done for a lease', () => {
  const of = held();
  const other = next({ ...of, secrets: [] }, { image: 'registry.test/app:2' });
  const withPort = held({ ports: [{ host: 80, container: 80, protocol: 'tcp' }] });
  const otherPort = next({ ...withPort, secrets: [] }, { image: 'registry.test/app:2' });
  const job = held({ restart: 'no' });
  const otherJob = next({ ...job, secrets: [] }, { image: 'registry.test/app:2' });
  const checked = held({ health: HEALTH });
  const removed = { wanted: of, good: of, ending: { volumes: false } };
  const withVolume = held({ volumes: [{ source: 'data', target: '/data', readOnly: false }] });

  it.each<[string, LeaseRecord, readonly SeenContainer[], readonly string[]]>([
    ['nothing there', { wanted: of }, [], ['pull', 'create', 'start']],
    ['half made', { wanted: of }, [seen(of, 'created')], ['start']],
    ['up for the first time', { wanted: of }, [seen(of, 'running')], ['settle']],
    ['up before', { wanted: of, good: of }, [seen(of, 'running')], []],
    ['ended by hand', { wanted: of, good: of }, [seen(of, 'exited')], ['start']],
    [
      'started again by its engine before it settled',
      { wanted: of },
      [seen(of, 'running', { restarts: 1 })],
      ['fail', 'stop', 'remove'],
    ],
    ['ended at once', { wanted: of }, [seen(of, 'exited')], ['fail', 'remove']],
    ['a job that ended', { wanted: job }, [seen(job, 'exited')], ['settle']],
    ['a job that ended before', { wanted: job, good: job }, [seen(job, 'exited')], []],
    [
      'a job that was stopped from here',
      { wanted: job, good: job, held: seen(job, 'exited').id },
      [seen(job, 'exited')],
      ['start'],
    ],
    [
      'waits for its health',
      { wanted: checked },
      [seen(checked, 'running', { upSinceMs: 1e6 })],
      [],
    ],
    [
      'is healthy',
      { wanted: checked },
      [seen(checked, 'running', { health: 'healthy' })],
      ['settle'],
    ],
    [
      'was never healthy in time',
      { wanted: checked },
      [seen(checked, 'running', { health: 'starting' })],
      ['fail', 'stop', 'remove'],
    ],
    [
      'an update, new one first',
      { wanted: other, good: of },
      [seen(of, 'running')],
      ['pull', 'create', 'start'],
    ],
    [
      'an update that is up',
      { wanted: other, good: of },
      [seen(of, 'running'), seen(other, 'running')],
      ['settle', 'stop', 'remove'],
    ],
    [
      'an update that ended',
      { wanted: other, good: of },
      [seen(of, 'running'), seen(other, 'exited')],
      ['fail', 'remove'],
    ],
    [
      'an update to a job that failed',
      { wanted: otherJob, good: job },
      [seen(job, 'running'), seen(otherJob, 'exited')],
      ['fail', 'remove'],
    ],
    [
      'an update with the same port: old one first',
      { wanted: otherPort, good: withPort },
      [seen(withPort, 'running')],
      ['pull', 'create', 'stop', 'start'],
    ],
    [
      'an update that was given up',
      {
        wanted: other,
        good: of,
        failed: { generation: other.generation, code: 'PORT_TAKEN', reason: '' },
      },
      [seen(of, 'running'), seen(other, 'created')],
      ['remove'],
    ],
    [
      'an update that was given up, with the old one stopped for it',
      {
        wanted: otherPort,
        good: withPort,
        held: seen(withPort, 'exited').id,
        failed: { generation: otherPort.generation, code: 'PORT_TAKEN', reason: '' },
      },
      [seen(withPort, 'exited'), seen(otherPort, 'running')],
      ['stop', 'start'],
    ],
    [
      'to be stopped',
      { wanted: { ...of, desired: 'stopped' }, good: of },
      [seen(of, 'running')],
      ['stop'],
    ],
    [
      'stopped',
      { wanted: { ...of, desired: 'stopped' }, good: of, held: seen(of, 'exited').id },
      [seen(of, 'exited')],
      [],
    ],
    ['to be removed', removed, [seen(of, 'running')], ['stop', 'remove', 'end']],
    [
      'to be removed with its volumes',
      { wanted: withVolume, ending: { volumes: true } },
      [seen(withVolume, 'exited')],
      ['remove', 'remove-volume', 'end'],
    ],
    [
      'to be restarted',
      { wanted: { ...of, restart: 2 }, good: of, restarted: 1 },
      [seen(of, 'running')],
      ['restart'],
    ],
    [
      'restarted already, which was not noted',
      {
        wanted: { ...of, restart: 2 },
        good: of,
        restarted: 1,
        restarting: { number: 2, container: seen(of, 'running').id, startedAt: 'run-0' },
      },
      [seen(of, 'running')],
      ['restarted'],
    ],
    [
      'stopped for a restart, and no more',
      {
        wanted: { ...of, restart: 2 },
        good: of,
        restarted: 1,
        restarting: { number: 2, container: seen(of, 'running').id, startedAt: 'run-1' },
      },
      [seen(of, 'exited')],
      ['restart'],
    ],
    [
      'back to what is still being stopped for good',
      { wanted: of, good: other, leaving: [seen(of, 'exited').id] },
      [seen(of, 'exited', { exitCode: 137 }), seen(other, 'running')],
      ['remove'],
    ],
    [
      'the same, of which the engine has not said yet that it has ended',
      { wanted: of, good: other, leaving: [seen(of, 'running').id] },
      [seen(of, 'running'), seen(other, 'running')],
      ['stop', 'remove'],
    ],
  ])('%s', (_, record, containers, expected) => {
    expect(stepsOf(record, containers)).toEqual(expected);
  });

  it('an update that had too little memory says so', () => {
    const small = held({ restart: 'no', memoryBytes: 8 * 2 ** 20 });
    const update = next({ ...small, secrets: [] }, { image: 'registry.test/app:2' });
    const container = seen(update, 'exited', { exitCode: 137, oomKilled: true });
    const { steps } = plan(
      { wanted: update, good: small },
      { containers: [container], notBeforeMs: 0 },
      1e6,
    );

    expect(steps[0]).toMatchObject({
      kind: 'fail',
      reason: 'It was ended for using more than its 8 MiB of memory.',
    });
  });

  it('waits until it is tried again', () => {
    const soon = { containers: [], notBeforeMs: 10 };

    expect(plan({ wanted: of }, soon, 5)).toEqual({ steps: [], lookAgainAtMs: 10 });
  });

  it('an update has to stay up for longer than a first deployment', () => {
    const first = plan({ wanted: of }, { containers: [seen(of, 'running')], notBeforeMs: 0 }, 0);
    const both = [seen(of, 'running'), seen(other, 'running')];
    const update = plan({ wanted: other, good: of }, { containers: both, notBeforeMs: 0 }, 0);

    expect([first.lookAgainAtMs, update.lookAgainAtMs]).toEqual([SETTLE_MS, UPDATE_SETTLE_MS]);
  });
});

describe('what nobody knows', () => {
  const stray = { id: 'a', seenSinceMs: 0 };

  it('stays while the work has not been told', () => {
    expect(planStrays([stray], undefined, 1e9)).toEqual({ due: [] });
  });

  it('goes after five minutes in which the work was known in whole', () => {
    expect(planStrays([stray], 1_000, 300_999)).toEqual({ due: [], lookAgainAtMs: 301_000 });
    expect(planStrays([stray], 1_000, 301_000)).toEqual({ due: ['a'] });
  });
});

describe('after a failure', () => {
  const of = held();
  const other = next({ ...of, secrets: [] }, { image: 'registry.test/app:2' });

  it.each([
    ['a first deployment goes, and comes again', { wanted: of }, 'PORT_TAKEN', 1, 'remove'],
    ['what ran before stays', { wanted: of, good: of }, 'PORT_TAKEN', 9, 'retry'],
    [
      'an update that cannot work is given up',
      { wanted: other, good: of },
      'PORT_TAKEN',
      1,
      'roll-back',
    ],
    [
      'one that may work is tried again',
      { wanted: other, good: of },
      'REGISTRY_UNREACHABLE',
      2,
      'retry',
    ],
    ['but not for ever', { wanted: other, good: of }, 'REGISTRY_UNREACHABLE', 3, 'roll-back'],
  ] as const)('%s', (_, record, code, failures, expected) => {
    expect(afterFailure(record, code, failures).next).toBe(expected);
  });

  it('waits from a second to ten minutes', () => {
    const waits = [1, 2, 5, 40].map((n) => afterFailure({ wanted: of }, 'DISK_FULL', n).waitMs);

    expect(waits).toEqual([1_000, 2_000, 16_000, 600_000]);
  });
});
