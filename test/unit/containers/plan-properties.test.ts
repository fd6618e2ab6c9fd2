import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { RunState } from '../../../src/core/services/container/runtime.ports.js';
import type { RestartPolicy, UpdateOrder } from '../../../src/core/types/models/container.js';

import { effective, type LeaseRecord } from '../../../src/agent/work/lease.js';
import { next } from '../../support/assignments.js';
import { HEALTH, held, LeaseModel, seen } from '../../support/lease-model.js';

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
  /** Left by an update that another one has come before the end of. */
  between: fc.option(states, { nil: undefined }),
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
  const tried = next({ ...good, secrets: [] }, { image: 'registry.test/app:1.5' }, change);
  const between = s.isUpdate && s.between ? [seen(tried, s.between)] : [];
  const mine = s.mine ? [seen(wanted, s.mine, { health: 'healthy' })] : [];
  const containers = [...old, ...between, ...mine];
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
  return new LeaseModel(record, containers, broken);
}

// Goal: wherever a lease begins, it comes to rest where it is to be, and nothing is done to what is there already.
describe('from any state to any other', () => {
  const runs = { numRuns: 3_000 };

  it('a lease comes to rest, and stays at rest', () => {
    fc.assert(
      fc.property(situations, (s) => {
        const model = situated(s);
        expect(model.settle(() => undefined)).toBeDefined();
        const { record } = model;
        expect(record === undefined).toBe(s.isEnding);
        if (!record) return model.containers.length === 0;
        expect(model.settle(() => undefined)).toBe(0);
        if (record.wanted.desired === 'stopped') return model.live.length === 0;
        // What is to run always is the one thing that does, be it the new one or the good one.
        const isJob = s.policy === 'no' || s.policy === 'on-failure';
        const [only] = model.live;
        const isRight = model.live.length === 1 && only?.specHash === effective(record).specHash;
        return model.containers.length <= 1 && (isJob || isRight);
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

  it('never more than two run at once, also where one update comes before the end of another', () => {
    fc.assert(
      fc.property(situations, (s) => {
        const model = situated(s);
        fc.pre(model.live.length < 3);
        model.settle(() => {
          expect(model.live.length).toBeLessThanOrEqual(2);
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
        const model = new LeaseModel(record, [seen(good, 'running')], new Set());
        model.settle(() => undefined);
        expect(model.containers[0]?.startedAt).toBe('run-2');
      }),
    );
  });
});
