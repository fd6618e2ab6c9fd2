import { describe, expect, it } from 'vitest';

import type { Assignment } from '../../../src/contract/agent/work.js';
import type {
  ContainerRuntime,
  LentMachine,
} from '../../../src/core/services/container/runtime.ports.js';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { assignment, next } from '../../support/assignments.js';
import { MemoryRuntime } from '../../support/memory-runtime.js';
import { waitFor } from '../../support/wait-for.js';
import { shared, workNode } from '../../support/work-node.js';

const HEALTH = {
  command: ['probe'],
  intervalMs: 1_000,
  timeoutMs: 500,
  retries: 2,
  startPeriodMs: 0,
};
/** Nodes at the same time. */
const AT_ONCE = 6;
const CHANGES = new Set<string | symbol>([
  'ensureImage',
  'create',
  'start',
  'stop',
  'remove',
  'removeVolume',
  'list',
  'inspect',
]);

function dead() {
  return new AppError('ENGINE_UNREACHABLE', 'This agent was killed.');
}

/**
 * An engine as an agent sees it that is killed at the n-th call, before it is made or before its answer arrives. From then on nothing that this agent
 * does reaches the engine.
 */
function mortal(runtime: MemoryRuntime, n: number, when: 'before' | 'after') {
  let calls = 0;
  const life = { isDead: false };
  const target = shared(runtime);
  const engine = new Proxy<ContainerRuntime>(target, {
    get(of, key) {
      const value: unknown = Reflect.get(of, key);
      if (typeof value !== 'function' || !CHANGES.has(key)) return value;
      return async (...args: readonly unknown[]) => {
        if (life.isDead) throw dead();
        calls += 1;
        const isLast = calls === n;
        if (isLast && when === 'before') life.isDead = true;
        if (life.isDead) throw dead();
        const answer: unknown = await Reflect.apply(value, of, args);
        if (isLast) life.isDead = true;
        if (life.isDead) throw dead();
        return answer;
      };
    },
  });
  return { life, engine };
}

/** Counts a thousandth of a second of processor time each time that it is read. */
function countingMachine() {
  const counters = new Map<string, number>();
  const closed = new Map<string, number>();
  const lent: LentMachine = {
    setCap: () => Promise.resolve(),
    openLease: (lease) => {
      counters.set(lease, counters.get(lease) ?? 0);
      return Promise.resolve({ parent: `/syntropy/${lease}`, holdsCpu: false });
    },
    counters: (lease) => {
      const before = counters.get(lease);
      if (before === undefined) return Promise.resolve(undefined);
      counters.set(lease, before + 1_000);
      return Promise.resolve({ cpuMicros: before + 1_000, memoryBytes: 2 ** 20 });
    },
    total: () => Promise.resolve(undefined),
    busyIn: () => Promise.resolve([]),
    endIn: () => Promise.resolve(),
    closeLease: (lease) => {
      const last = counters.get(lease);
      if (last !== undefined) closed.set(lease, last);
      counters.delete(lease);
      return Promise.resolve();
    },
  };
  return { lent, closed };
}

interface Scenario {
  readonly before: Assignment;
  /** Undefined: it is to go. */
  readonly after: Assignment | undefined;
  /** Starts of the container of before, and of after. */
  readonly starts: readonly [number, number];
  readonly live: number;
}

const healthy = assignment({ health: HEALTH });
const port = { host: 80, container: 80, protocol: 'tcp' as const };
const withPort = assignment({ health: HEALTH, ports: [port] });
const stopped = assignment({}, { desired: 'stopped' });
const crash = next(withPort, { command: ['crash'] });

const scenarios: Readonly<Record<string, Scenario>> = {
  'a first deployment': {
    before: stopped,
    after: next(stopped, {}, { desired: 'running' }),
    starts: [1, 1],
    live: 1,
  },
  'an update, new one first': {
    before: healthy,
    after: next(healthy, { env: { A: '1' } }),
    starts: [1, 1],
    live: 1,
  },
  'an update, old one first': {
    before: withPort,
    after: next(withPort, { env: { A: '1' } }),
    starts: [1, 1],
    live: 1,
  },
  'an update that is taken back': { before: withPort, after: crash, starts: [2, 0], live: 1 },
  'a restart': {
    before: healthy,
    after: next(healthy, {}, { restart: 1 }),
    starts: [2, 2],
    live: 1,
  },
  'a stop': {
    before: healthy,
    after: next(healthy, {}, { desired: 'stopped' }),
    starts: [1, 1],
    live: 0,
  },
  'a removal': { before: healthy, after: undefined, starts: [1, 0], live: 0 },
};

/** Answers whether the agent was killed at all. */
async function killedAt(n: number, when: 'before' | 'after', scenario: Scenario): Promise<boolean> {
  const { before, after, live, starts } = scenario;
  const runtime = new MemoryRuntime({ programs: { crash: { exits: 1 } } });
  const { lent, closed } = countingMachine();
  await using node = await workNode({ runtime, lent });
  const bystander = assignment();
  const { lease } = before;
  let most = 0;
  let isWatched = false;
  runtime.before = () => {
    const now = runtime
      .all()
      .filter(({ spec, state }) => spec.labels.lease === lease && state === 'running');
    if (isWatched) most = Math.max(most, now.length);
  };
  await node.start();
  node.connect();
  node.assign([before, bystander]);
  await node.phase(bystander.lease, 'running');
  await node.phase(lease, before.desired);
  await node.stop();

  const { life, engine } = mortal(runtime, n, when);
  isWatched = true;
  await node.start(() => Promise.resolve(engine));
  node.connect();
  node.assign([...(after ? [after] : []), bystander]);
  const isThere = () => {
    const last = node.last(lease);
    if (!after) return last?.phase === 'ended';
    const isRolledBack = last?.code === 'CONTAINER_ROLLED_BACK';
    const isHere = last?.generation === after.generation && last.phase === after.desired;
    const isWhole =
      (last?.specHash === undefined || isRolledBack) &&
      runtime.all().filter(({ spec }) => spec.labels.lease === lease).length <= 1;
    return isHere && isWhole && (starts[0] !== 2 || node.runtime.calls.start >= 3);
  };
  await waitFor('the end of the change, or of the agent', () => life.isDead || isThere());
  const wasKilled = life.isDead;
  if (wasKilled) {
    await node.stop();
    node.frames.length = 0;
    await node.start();
    node.connect();
    await waitFor(`the change to be made after a kill ${when} call ${n}`, isThere);
  }
  const told = () =>
    new Map(
      node.used
        .filter((record) => record.lease === lease)
        .map((record) => [record.seq, record.cpuMicros]),
    );
  const sum = () => [...told().values()].reduce((all, one) => all + one, 0);
  const whole = () => closed.get(lease) ?? 0;
  if (!after) await waitFor('all that was used to be told', () => sum() >= Math.max(1, whole()));
  const difference = after ? 0 : sum() - whole();
  await node.stop();

  const startsOf = (one: Assignment | undefined) =>
    runtime.journal.filter(
      (line) =>
        line.startsWith('start ') &&
        one !== undefined &&
        line.includes(`${one.lease.slice(0, 8)}-${one.specHash.slice(0, 8)}`),
    ).length;
  const where = `killed ${when} call ${n}: ${runtime.journal.join(', ')}`;
  // What nobody changed was started once, and never touched again.
  expect(startsOf(bystander), where).toBe(1);
  expect(
    runtime.journal.filter((line) => line.includes(bystander.lease.slice(0, 8))),
    where,
  ).toHaveLength(2);
  expect(startsOf(before), where).toBe(starts[0]);
  expect(after === crash ? 0 : startsOf(after), where).toBe(starts[1]);
  expect(
    runtime.all().filter(({ spec, state }) => spec.labels.lease === lease && state === 'running'),
    where,
  ).toHaveLength(live);
  expect(most, where).toBeLessThanOrEqual(
    before === healthy && after && after.specHash !== before.specHash ? 2 : 1,
  );
  expect(difference, where).toBe(0);
  return wasKilled;
}

// Goal: an agent that is killed at any moment leaves nothing that the next one does not bring to its end, and nobody notices who was not meant.
describe.each(['before', 'after'] as const)('an agent that is killed %s any call', (when) => {
  it.each(Object.entries(scenarios))('in %s', async (_, scenario) => {
    let isOver = false;
    for (let n = 1; !isOver; n += AT_ONCE) {
      const killed = await Promise.all(
        Array.from({ length: AT_ONCE }, (__, i) => killedAt(n + i, when, scenario)),
      );
      isOver = !killed.every(Boolean);
      expect(n).toBeLessThan(60);
    }
  });
});
