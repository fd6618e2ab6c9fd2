import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type {
  ContainerState,
  Lease,
  LeaseWord,
  NodeRoom,
} from '../../../src/core/services/container/container.ports.js';

import {
  living,
  statusOf,
  toDetails,
} from '../../../src/core/services/container/container-status.js';
import { demandOf, specOf } from '../../../src/core/services/container/defaults.js';
import { noteSilence, noteWords } from '../../../src/core/services/container/notes.js';
import { nextSteps } from '../../../src/core/services/container/rollout.js';
import { edited, onward, tellAll, withRoom } from '../../../src/core/services/container/rules.js';
import { withRevision } from '../../../src/core/services/container/spec-rules.js';

const NOW = new Date('2026-11-24T10:00:00Z');
const NODE = { id: 'n', name: 'node-01' };
const spec = (image: string) => specOf({ image });

const ROOM: NodeRoom = {
  ...NODE,
  isReachable: true,
  isDrained: false,
  labels: {},
  offer: { cpuMillis: 1_000_000, memoryBytes: 2 ** 45 },
  engine: { kind: 'podman', version: '4', cgroup: 'v2', architecture: 'amd64' },
  taken: { cpuMillis: 0, memoryBytes: 0, hostPorts: [] },
  leases: 0,
};

let ids = 0;
const placing = {
  rooms: [ROOM],
  newId: () => {
    ids += 1;
    return `lease-${ids}`;
  },
  isRequired: true,
};

function made(replicas: number): ContainerState {
  const container = {
    id: '00000000-0000-4000-8000-000000000002',
    name: 'web',
    owner: { id: 'm', name: 'ana' },
    desired: 'running' as const,
    status: 'deploying' as const,
    statusSince: NOW,
    replicas,
    revision: 1,
    labels: {},
    selector: {},
    payer: NODE,
    lostAfterSeconds: 300,
    removeVolumes: false,
    createdAt: NOW,
    updatedAt: NOW,
    version: 1,
  };
  const revision = {
    revision: 1,
    spec: spec('app:1'),
    specHash: '1',
    createdAt: NOW,
    createdBy: 'ana',
    state: 'current' as const,
  };
  return onward({ container, revisions: [revision], leases: [], events: [] }, NOW, placing);
}

function updated(state: ContainerState, image: string): ContainerState {
  const next = withRevision(edited(state, {}, NOW, ['image']), {
    spec: spec(image),
    specHash: image,
    createdAt: NOW,
    createdBy: 'ana',
  });
  return onward(next, NOW, placing);
}

const word = (lease: Lease, rest: Partial<LeaseWord> = {}): LeaseWord => ({
  lease: lease.id,
  generation: lease.generation,
  phase: lease.desired === 'running' ? 'running' : 'stopped',
  ...rest,
});

const heard = (state: ContainerState, ...words: readonly LeaseWord[]) =>
  onward(noteWords(state, words, NOW), NOW, placing);

/** Each node does what it is told, until nothing is left to do. */
function obeyed(from: ContainerState, onEach: (state: ContainerState) => void = () => undefined) {
  let state = from;
  for (let round = 0; round < 50; round += 1) {
    const behind = living(state.leases).find((one) => one.observedGeneration < one.generation);
    const leaving = state.leases.find((one) => one.leavingAt && !one.endedAt);
    const next = behind ?? leaving;
    if (!next) return state;
    state = heard(state, word(next, leaving === next ? { phase: 'ended' } : {}));
    onEach(state);
  }
  throw new Error('It does not come to an end.');
}

const settledOn = (state: ContainerState) => ({
  status: state.container.status,
  revision: state.container.revision,
  stable: state.container.stableRevision,
  leases: living(state.leases).map(({ revision }) => revision),
});

// Goal: whatever is asked for, and in whatever order nodes speak, what runs becomes what is wanted, one replica at a time.
describe('a rollout', () => {
  it('comes to its end, with at most one replica between two revisions', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), (replicas) => {
        const before = obeyed(made(replicas));
        const after = obeyed(updated(before, 'app:2'), (state) => {
          const moving = living(state.leases).filter(
            (lease) => lease.observedGeneration < lease.generation,
          );
          expect(moving.length).toBeLessThanOrEqual(1);
        });
        expect(settledOn(after)).toEqual({
          status: 'running',
          revision: 2,
          stable: 2,
          leases: Array.from({ length: replicas }, () => 2),
        });
      }),
    );
  });

  it('comes to its end through any requests, with nodes that speak at any time, twice and late', () => {
    const acts = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('image' as const), to: fc.constantFrom('a', 'b', 'c') }),
        fc.record({ kind: fc.constant('scale' as const), to: fc.integer({ min: 1, max: 5 }) }),
        fc.record({ kind: fc.constant('stop' as const) }),
        fc.record({ kind: fc.constant('start' as const) }),
        fc.record({ kind: fc.constant('again' as const) }),
        fc.record({ kind: fc.constant('speak' as const), which: fc.nat(8), late: fc.boolean() }),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(acts, (list) => {
        let state = obeyed(made(2));
        const spoken: LeaseWord[] = [];
        for (const act of list) {
          if (act.kind === 'image') state = updated(state, act.to);
          else if (act.kind === 'scale') {
            state = onward(edited(state, { replicas: act.to }, NOW, []), NOW, placing);
          } else if (act.kind === 'stop' || act.kind === 'start') {
            const desired = act.kind === 'stop' ? 'stopped' : 'running';
            state = onward(
              tellAll(edited(state, { desired }, NOW, []), () => ({ desired })),
              NOW,
              placing,
            );
          } else if (act.kind === 'again') {
            state = heard(state, ...spoken);
          } else {
            const lease = state.leases[act.which];
            if (!lease) continue;
            const said = word(
              lease,
              act.late ? { generation: Math.max(1, lease.generation - 1) } : {},
            );
            spoken.push(said);
            state = heard(state, said);
          }
        }
        const end = obeyed(state);
        const { container } = end;
        expect(living(end.leases)).toHaveLength(container.replicas);
        expect(new Set(living(end.leases).map(({ replica }) => replica)).size).toBe(
          container.replicas,
        );
        expect(living(end.leases).every(({ revision }) => revision === container.revision)).toBe(
          true,
        );
        expect(container.status).toBe(container.desired);
        expect(nextSteps(end)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('goes back to the stable revision, whichever replica does not come up', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.nat(5),
        fc.boolean(),
        (replicas, which, isRolledBack) => {
          let state = updated(obeyed(made(replicas)), 'app:2');
          for (let moved = 0; moved < which % replicas; moved += 1) {
            const next = living(state.leases).find(
              (one) => one.observedGeneration < one.generation,
            );
            if (next) state = heard(state, word(next));
          }
          const broken = living(state.leases).find(
            (one) => one.observedGeneration < one.generation,
          );
          if (!broken) throw new Error('One is on its way.');
          const failure = isRolledBack
            ? { code: 'CONTAINER_ROLLED_BACK', reason: 'no' }
            : { phase: 'failed' as const, code: 'CONTAINER_UNHEALTHY', reason: 'no' };

          const end = obeyed(heard(state, word(broken, failure)));

          expect(settledOn(end)).toEqual({
            status: 'running',
            revision: 1,
            stable: 1,
            leases: Array.from({ length: replicas }, () => 1),
          });
          expect(end.revisions.find(({ revision }) => revision === 2)).toMatchObject({
            state: 'failed',
            reason: 'no',
          });
          expect(end.leases.map(({ reserved }) => reserved)).toEqual(
            Array.from({ length: replicas }, () => demandOf(spec('app:1'))),
          );
        },
      ),
    );
  });
});

describe('what a node says', () => {
  it('is not believed of what it was not told yet, nor when it is older than what is known', () => {
    const state = obeyed(made(1));
    const [lease] = state.leases;
    if (!lease) throw new Error('There is one.');

    for (const generation of [0, 2, 99]) {
      const after = noteWords(state, [word(lease, { generation, phase: 'failed' })], NOW);
      expect(after.leases).toEqual(state.leases);
    }
    for (const phase of ['unknown', 'lost', 'ended'] as const) {
      expect(noteWords(state, [word(lease, { phase })], NOW).leases).toEqual(state.leases);
    }
  });

  it('that an image is another one for the second replica does not change which one it is', () => {
    const state = made(2);
    const [one, two] = state.leases;
    if (!one || !two) throw new Error('There are two.');

    const after = heard(
      state,
      word(one, { digest: 'sha256:a' }),
      word(two, { digest: 'sha256:b' }),
    );

    expect(after.revisions[0]?.digest).toBe('sha256:a');
  });
});

// Goal: what is held for a revision, and which image it is, is of that revision and of no other.
describe('what follows from an update', () => {
  it('is no room that stays held for a revision that was given up', () => {
    const state = bigger(obeyed(made(2)));
    const moved = living(state.leases).find((one) => one.observedGeneration < one.generation);
    if (!moved) throw new Error('One is on its way.');
    expect(moved.reserved.memoryBytes).toBe(2 ** 30);

    const end = obeyed(heard(state, word(moved, { code: 'CONTAINER_ROLLED_BACK', reason: 'no' })));

    expect(end.leases.map(({ reserved }) => reserved)).toEqual([
      demandOf(spec('app:1')),
      demandOf(spec('app:1')),
    ]);
  });

  it('is the digest of what the new assignment found, and not of what ran before', () => {
    const state = bigger(obeyed(made(1)));
    const [lease] = state.leases;
    if (!lease) throw new Error('There is one.');

    const late = heard(state, word(lease, { generation: 1, phase: 'unhealthy', digest: 'old' }));
    const back = heard(state, word(lease, { code: 'CONTAINER_ROLLED_BACK', digest: 'old' }));
    const other = heard(state, word(lease, { specHash: '1', digest: 'old' }));
    const found = heard(late, word(lease, { digest: 'new' }));

    expect([digestOf(late, 2), digestOf(back, 2), digestOf(other, 2)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(digestOf(found, 2)).toBe('new');
  });
});

const statusWith = (...changes: readonly Partial<Lease>[]) => {
  const state = obeyed(made(changes.length));
  const leases = state.leases.map((lease, at) => ({ ...lease, ...changes[at] }));
  return statusOf({ ...state, leases });
};

describe('the status of a container', () => {
  it('is that of its replicas together', () => {
    expect(statusWith({}, {})).toEqual({ status: 'running' });
    expect(statusWith({}, { phase: 'unhealthy' }).status).toBe('degraded');
    expect(statusWith({}, { phase: 'starting' }).status).toBe('updating');
    expect(statusWith({}, { isReachable: false })).toEqual({
      status: 'degraded',
      reason: 'Nothing is heard of "node-01".',
    });
    expect(statusWith({ isReachable: false }).status).toBe('unknown');
    expect(statusWith({ isReachable: false, phase: 'lost' }).status).toBe('lost');
    expect(statusWith({ phase: 'exited' }).status).toBe('exited');
    expect(statusWith({}, { phase: 'exited', report: { reason: 'It ended with 3.' } })).toEqual({
      status: 'degraded',
      reason: 'Replica 2: It ended with 3.',
    });
  });

  it('loses nothing to a node that is silent for a moment', () => {
    const state = obeyed(made(1));
    const silent = (seconds: number) => ({
      ...state,
      events: [],
      leases: state.leases.map((lease) => ({
        ...lease,
        isReachable: false,
        lastSeenAt: new Date(NOW.getTime() - seconds * 1_000),
      })),
    });

    expect(noteSilence(silent(300), NOW).events).toEqual([]);
    expect(noteSilence(silent(301), NOW).leases[0]).toMatchObject({ phase: 'lost', endedAt: NOW });
  });

  it('keeps the place of one that is to go until its node has said that it is gone', () => {
    const state = obeyed(made(1));
    const leaving = (isReachable: boolean) => ({
      ...state,
      leases: state.leases.map((lease) => ({
        ...lease,
        isReachable,
        leavingAt: new Date(NOW.getTime() - 7_300_000),
      })),
    });

    expect(noteSilence(leaving(false), NOW).leases[0]?.endedAt).toBeUndefined();
    expect(noteSilence(leaving(true), NOW).leases[0]?.endedAt).toEqual(NOW);
  });

  it('soon gives the place back of one that its node has never heard of', () => {
    const left = (seconds: number, state: ContainerState) => ({
      ...state,
      leases: state.leases.map((lease) => ({
        ...lease,
        isReachable: true,
        leavingAt: new Date(NOW.getTime() - seconds * 1_000),
      })),
    });
    const endedAt = (state: ContainerState) => noteSilence(state, NOW).leases[0]?.endedAt;

    expect(endedAt(left(30, made(1)))).toBeUndefined();
    expect(endedAt(left(31, made(1)))).toEqual(NOW);
    expect(endedAt(left(31, obeyed(made(1))))).toBeUndefined();
  });
});

/** The state when another revision, which is larger, was asked for. */
function bigger(state: ContainerState): ContainerState {
  const larger = { ...spec('app:2'), memoryBytes: 2 ** 30 };
  const next = withRevision(edited(state, {}, NOW, ['image']), {
    spec: larger,
    specHash: 'app:2',
    createdAt: NOW,
    createdBy: 'ana',
  });
  return onward(withRoom(next, placing.rooms), NOW, placing);
}

function digestOf(state: ContainerState, revision: number): string | undefined {
  return state.revisions.find((one) => one.revision === revision)?.digest;
}

describe('a first deployment that failed', () => {
  it('keeps why, and its last words, while what it made goes and when it has gone', () => {
    const state = made(1);
    const [lease] = state.leases;
    if (!lease) throw new TypeError('It has no place.');
    const why = {
      code: 'CONTAINER_FAILED',
      reason: 'It ended with status 7.',
      lastWords: 'no database',
    };
    const failed = heard(state, word(lease, { phase: 'failed', failures: 1, exitCode: 7, ...why }));
    const leaving = heard(failed, word(lease, { phase: 'stopping', restarts: 0, ports: [] }));
    const gone = heard(leaving, word(lease, { phase: 'ended' }));

    expect(gone.container).toMatchObject({ status: 'failed', formerName: 'web' });
    expect(toDetails(leaving).instances[0]).toMatchObject({ phase: 'stopping', ...why });
    expect(toDetails(gone).instances[0]).toMatchObject({ phase: 'ended', exitCode: 7, ...why });
  });
});
