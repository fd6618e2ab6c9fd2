import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { RunState } from '../../../src/core/services/container/runtime.ports.js';
import type { RestartPolicy, UpdateOrder } from '../../../src/core/types/models/container.js';

import {
  effective,
  type Held,
  isLive,
  type LeaseRecord,
  type SeenContainer,
} from '../../../src/agent/work/lease.js';
import {
  afterFailure,
  plan,
  planStrays,
  SETTLE_MS,
  type Step,
  UPDATE_SETTLE_MS,
} from '../../../src/agent/work/plan.js';
import { assignment, next } from '../../support/assignments.js';

const HEALTH = {
  command: ['true'],
  intervalMs: 1_000,
  timeoutMs: 500,
  retries: 2,
  startPeriodMs: 1_000,
};

function held(...of: Parameters<typeof assignment>): Held {
  const { secrets: _, ...rest } = assignment(...of);
  return rest;
}

function seen(of: Held, state: RunState, rest: Partial<SeenContainer> = {}): SeenContainer {
  return {
    id: `c-${of.specHash.slice(0, 8)}`,
    name: of.container.name,
    specHash: of.specHash,
    state,
    exitCode: state === 'exited' ? 1 : undefined,
    restarts: 0,
    startedAt: state === 'created' ? undefined : 'run-1',
    upSinceMs: 0,
    ...rest,
  };
}

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
  ])('%s', (_, record, containers, expected) => {
    expect(stepsOf(record, containers)).toEqual(expected);
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

/** An engine and a disk that do what they are told, on which a program ends as it was made to. */
class Model {
  record: LeaseRecord | undefined;
  containers: SeenContainer[];
  readonly touched = new Set<string>();
  failures = 0;
  nowMs = 1_000_000;
  #runs = 1;
  readonly #broken: ReadonlySet<string>;

  constructor(record: LeaseRecord, containers: SeenContainer[], broken: ReadonlySet<string>) {
    this.record = record;
    this.containers = containers;
    this.#broken = broken;
  }

  get live(): readonly SeenContainer[] {
    return this.containers.filter(isLive);
  }

  change(id: string, change: Partial<SeenContainer>): void {
    this.containers = this.containers.map((one) => (one.id === id ? { ...one, ...change } : one));
  }

  run(id: string): void {
    const one = this.containers.find((each) => each.id === id);
    if (!one || one.state === 'running') return;
    this.touched.add(id);
    this.#runs += 1;
    const startedAt = `run-${this.#runs}`;
    const fate = this.#broken.has(one.specHash)
      ? { state: 'exited' as const, exitCode: 1 }
      : { state: 'running' as const, exitCode: undefined, health: 'healthy' as const };
    this.change(id, { startedAt, upSinceMs: this.nowMs, ...fate });
  }

  take(step: Step): void {
    const { record } = this;
    if (!record) return;
    switch (step.kind) {
      case 'create':
        this.containers.push(
          seen(step.of, 'created', { id: `new-${step.of.specHash.slice(0, 8)}` }),
        );
        return;
      case 'start': {
        const id = step.container ?? `new-${step.of.specHash.slice(0, 8)}`;
        this.run(id);
        const { held: was, ...rest } = record;
        if (was === id) this.record = { ...rest, restarted: rest.wanted.restart };
        return;
      }
      case 'stop':
        this.touched.add(step.container);
        if (step.hold) this.record = { ...record, held: step.container };
        this.change(step.container, { state: 'exited', exitCode: 143 });
        return;
      case 'hold':
        this.record = { ...record, held: step.container };
        return;
      case 'remove':
        this.touched.add(step.container);
        this.containers = this.containers.filter(({ id }) => id !== step.container);
        return;
      case 'restart': {
        this.change(step.container, { state: 'exited', exitCode: 143 });
        this.run(step.container);
        const { restarting: _, held: __, ...rest } = record;
        this.record = { ...rest, restarted: step.number };
        return;
      }
      case 'restarted': {
        const { restarting: _, ...rest } = record;
        this.record = { ...rest, restarted: step.number };
        return;
      }
      case 'release': {
        const { held: _, ...rest } = record;
        this.record = rest;
        return;
      }
      case 'settle': {
        const { held: _, restarting: __, ...rest } = record;
        this.record = { ...rest, good: step.of, restarted: rest.wanted.restart };
        this.failures = 0;
        return;
      }
      case 'fail': {
        this.failures += 1;
        const { next: follows } = afterFailure(record, step.code, this.failures);
        if (follows !== 'roll-back') return;
        const failed = { generation: record.wanted.generation, code: step.code, reason: '' };
        this.record = { ...record, failed, restarted: record.wanted.restart };
        return;
      }
      case 'end':
        this.record = undefined;
        return;
      default:
    }
  }

  /** Until nothing is left to do; undefined when that does not come. */
  settle(check: () => void): number | undefined {
    for (let round = 0; round < 20; round += 1) {
      if (!this.record) return round;
      const { containers } = this;
      const { steps, lookAgainAtMs } = plan(
        this.record,
        { containers, notBeforeMs: 0 },
        this.nowMs,
      );
      if (steps.length === 0 && lookAgainAtMs === undefined) return round;
      this.nowMs = Math.max(this.nowMs, lookAgainAtMs ?? 0);
      for (const step of steps) {
        this.take(step);
        check();
      }
    }
    return undefined;
  }
}

const policies = fc.constantFrom<RestartPolicy>('always', 'unless-stopped', 'on-failure', 'no');
const orders = fc.constantFrom<UpdateOrder>('auto', 'start-first', 'stop-first');
const states = fc.constantFrom<RunState>('created', 'running', 'exited', 'dead');

const situations = fc.record({
  policy: policies,
  order: orders,
  hasPort: fc.boolean(),
  hasHealth: fc.boolean(),
  isUpdate: fc.boolean(),
  desired: fc.constantFrom('running' as const, 'stopped' as const),
  isEnding: fc.boolean(),
  restart: fc.integer({ min: 0, max: 3 }),
  restarted: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  mine: fc.option(states, { nil: undefined }),
  old: fc.option(states, { nil: undefined }),
  isHeld: fc.boolean(),
  isBroken: fc.boolean(),
  hasGivenUp: fc.boolean(),
});
type Situation = typeof situations extends fc.Arbitrary<infer T> ? T : never;

function situated(s: Situation) {
  const ports = s.hasPort ? [{ host: 80, container: 80, protocol: 'tcp' as const }] : [];
  const spec = { restart: s.policy, updateOrder: s.order, ports };
  const good = held({ ...spec, ...(s.hasHealth ? { health: HEALTH } : {}) });
  const change = { desired: s.desired, restart: s.restart };
  const wanted = s.isUpdate
    ? next({ ...good, secrets: [] }, { image: 'registry.test/app:2' }, change)
    : { ...good, ...change };
  const old = s.isUpdate && s.old ? [seen(good, s.old)] : [];
  const mine = s.mine ? [seen(wanted, s.mine, { health: 'healthy' })] : [];
  const containers = [...old, ...mine];
  const [first] = containers;
  const record: LeaseRecord = {
    wanted,
    ...(s.isUpdate || s.restarted !== undefined ? { good } : {}),
    ...(s.restarted === undefined ? {} : { restarted: s.restarted }),
    ...(s.isHeld && first ? { held: first.id } : {}),
    ...(s.isEnding ? { ending: { volumes: true } } : {}),
    ...(s.hasGivenUp && s.isUpdate
      ? { failed: { generation: wanted.generation, code: 'PORT_TAKEN', reason: '' } }
      : {}),
  };
  const broken = new Set(s.isBroken && s.isUpdate ? [wanted.specHash] : []);
  return new Model(record, containers, broken);
}

// Goal: wherever a lease begins, it comes to rest where it is to be, and nothing is done to what is there already.
describe('from any state to any other', () => {
  const runs = { numRuns: 3_000 };

  it('it comes to rest, and stays at rest', () => {
    fc.assert(
      fc.property(situations, (s) => {
        const model = situated(s);
        expect(model.settle(() => undefined)).toBeDefined();
        const { record } = model;
        expect(record === undefined).toBe(s.isEnding);
        if (!record) {
          expect(model.containers).toEqual([]);
          return;
        }
        expect(model.settle(() => undefined)).toBe(0);
        if (record.wanted.desired === 'stopped') {
          expect(model.live).toEqual([]);
          return;
        }
        // What is to run always is the one thing that does, be it the new one or the good one.
        const isJob = s.policy === 'no' || s.policy === 'on-failure';
        if (!isJob) {
          expect(model.live.map(({ specHash }) => specHash)).toEqual([effective(record).specHash]);
        }
        expect(model.containers.length).toBeLessThanOrEqual(1);
      }),
      runs,
    );
  });

  it('what runs as it is to is never touched', () => {
    fc.assert(
      fc.property(situations, (s) => {
        const model = situated(s);
        const { record } = model;
        fc.pre(record !== undefined && s.desired === 'running' && !s.isEnding);
        const asked = record.good && (record.restarted ?? record.wanted.restart) < s.restart;
        fc.pre(!asked);
        const match = model.containers.find(
          ({ specHash, state }) => specHash === effective(record).specHash && state === 'running',
        );
        fc.pre(match !== undefined);
        // A new one that is up has come up: it is not the one that breaks.
        fc.pre(!s.isBroken);
        model.settle(() => undefined);
        expect(model.touched.has(match.id)).toBe(false);
      }),
      runs,
    );
  });

  it('two run at once only while a new one takes over from an old one', () => {
    fc.assert(
      fc.property(situations, (s) => {
        const model = situated(s);
        const isHandOver =
          s.isUpdate && s.order !== 'stop-first' && !(s.order === 'auto' && s.hasPort);
        fc.pre(model.live.length < 2);
        model.settle(() => {
          expect(model.live.length).toBeLessThanOrEqual(isHandOver ? 2 : 1);
        });
      }),
      runs,
    );
  });

  it('a restart is done once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), policies, (restart, policy) => {
        const good = held({ restart: policy });
        const record = { wanted: { ...good, restart }, good, restarted: 0 };
        const model = new Model(record, [seen(good, 'running')], new Set());
        model.settle(() => undefined);
        expect(model.containers[0]?.startedAt).toBe('run-2');
      }),
    );
  });
});
