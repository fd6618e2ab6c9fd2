import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { NodeRoom } from '../../../src/core/services/container/container.ports.js';

import {
  place,
  type PlacementRequest,
  requireAllPlaced,
  withMore,
} from '../../../src/core/services/container/placement.js';

const MIB = 2 ** 20;
const ENGINE = { kind: 'docker', version: '1', cgroup: 'v2', architecture: 'amd64' } as const;

const room = (name: string, rest: Partial<NodeRoom> = {}): NodeRoom => ({
  id: `id-${name}`,
  name,
  isReachable: true,
  isDrained: false,
  labels: {},
  offer: { cpuMillis: 4_000, memoryBytes: 1_024 * MIB },
  engine: ENGINE,
  taken: { cpuMillis: 0, memoryBytes: 0, hostPorts: [] },
  leases: 0,
  ...rest,
});

const request = (rest: Partial<PlacementRequest> = {}): PlacementRequest => ({
  selector: {},
  demand: { cpuMillis: 500, memoryBytes: 256 * MIB, hostPorts: [] },
  replicas: [1],
  beside: [],
  ...rest,
});

const demands = fc.record({
  cpuMillis: fc.integer({ min: 10, max: 3_000 }),
  memoryBytes: fc.integer({ min: 6 * MIB, max: 800 * MIB }),
  hostPorts: fc.uniqueArray(fc.constantFrom('80/tcp', '443/tcp', '53/udp'), { maxLength: 2 }),
});

const rooms = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    isReachable: fc.boolean(),
    isDrained: fc.boolean(),
    site: fc.constantFrom('attic', 'cellar'),
    offer: fc.option(
      fc.record({
        cpuMillis: fc.integer({ min: 0, max: 8_000 }),
        memoryBytes: fc.integer({ min: 0, max: 2_048 * MIB }),
      }),
      { nil: undefined },
    ),
    hasEngine: fc.boolean(),
    taken: demands,
    leases: fc.constantFrom(0, 1, 511, 512),
  }),
  { selector: ({ name }) => name, maxLength: 5 },
);

const worlds = fc
  .record({
    rooms,
    demand: demands,
    count: fc.integer({ min: 1, max: 6 }),
    isChoosy: fc.boolean(),
  })
  .map(({ rooms: made, demand, count, isChoosy }) => ({
    rooms: made.map(({ name, site, hasEngine, ...rest }) =>
      room(name, { ...rest, labels: { site }, engine: hasEngine ? ENGINE : undefined }),
    ),
    request: request({
      demand,
      replicas: Array.from({ length: count }, (_, at) => at + 1),
      selector: isChoosy ? { site: 'attic' } : {},
    }),
  }));

// Goal: whatever the grid looks like, nothing is placed where it may not be, and everything that is not is explained.
describe('placement, of any grid', () => {
  it('never goes over an offer, and never gives one port away twice', () => {
    fc.assert(
      fc.property(worlds, ({ rooms: all, request: asked }) => {
        const { placements } = place(asked, all);
        for (const one of all) {
          const here = placements.filter(({ node }) => node.id === one.id).length;
          if (here === 0) continue;
          const { cpuMillis, memoryBytes, hostPorts } = asked.demand;
          expect(one.taken.cpuMillis + here * cpuMillis).toBeLessThanOrEqual(
            one.offer?.cpuMillis ?? 0,
          );
          expect(one.taken.memoryBytes + here * memoryBytes).toBeLessThanOrEqual(
            one.offer?.memoryBytes ?? 0,
          );
          const ports = [
            ...one.taken.hostPorts,
            ...Array.from({ length: here }, () => hostPorts).flat(),
          ];
          const isApart = hostPorts.length === 0 || new Set(ports).size === ports.length;
          expect(isApart).toBe(true);
          expect(one).toMatchObject({ isReachable: true, isDrained: false, engine: ENGINE });
          expect(one.leases + here).toBeLessThanOrEqual(512);
          expect(one.labels).toMatchObject(asked.selector);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('has the same answer to the same question, in whatever order the nodes come', () => {
    fc.assert(
      fc.property(worlds, ({ rooms: all, request: asked }) => {
        expect(place(asked, all.toReversed())).toEqual(place(asked, all));
      }),
    );
  });

  it('says of every node that can take none why that is, and refuses only with a reason', () => {
    fc.assert(
      fc.property(worlds, ({ rooms: all, request: asked }) => {
        const placed = place(asked, all);
        const told = new Set(
          [...placed.placements, ...placed.rejections].map(({ node }) => node.id),
        );
        // Whoever is not spoken of was not needed, and would have taken one.
        for (const one of all.filter(({ id }) => !told.has(id))) {
          expect(placed.placements).toHaveLength(asked.replicas.length);
          expect(place({ ...asked, replicas: [1] }, [one]).placements).toHaveLength(1);
        }
        expect(
          placed.rejections.every(
            ({ message }) => /^".*" .*\S$/.test(message) || message.startsWith('Port'),
          ),
        ).toBe(true);
        if (placed.placements.length === asked.replicas.length) return;
        // Nobody who would take one more is passed over.
        expect(placed.rejections.map(({ node }) => node.id).toSorted()).toEqual(
          all.map(({ id }) => id).toSorted(),
        );
        expect(() => requireAllPlaced(asked, placed)).toThrow(/There is no place for/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('placement', () => {
  it('spreads the replicas of one container, then fills the fullest node that has room', () => {
    const roomy = room('roomy');
    const tight = room('tight', { taken: { cpuMillis: 0, memoryBytes: 700 * MIB, hostPorts: [] } });
    const nodesOf = (replicas: readonly number[]) =>
      place(request({ replicas }), [roomy, tight]).placements.map(({ node }) => node.name);

    expect(nodesOf([1])).toEqual(['tight']);
    expect(nodesOf([1, 2])).toEqual(['tight', 'roomy']);
    expect(place(request({ beside: ['id-tight'] }), [roomy, tight]).placements).toMatchObject([
      { node: { name: 'roomy' } },
    ]);
  });

  it('refuses with the code of the node that was named', () => {
    const asked = request({ nodeId: 'id-a' });
    const refusal = (node: NodeRoom) => () =>
      requireAllPlaced(asked, place(asked, [node, room('b')]));

    expect(refusal(room('a', { isReachable: false }))).toThrow(
      expect.objectContaining({ code: 'NODE_OFFLINE' }),
    );
    expect(refusal(room('a', { offer: { memoryBytes: MIB } }))).toThrow(
      expect.objectContaining({ code: 'OFFER_TOO_SMALL' }),
    );
  });

  it('tells of a few nodes by name where many have no room', () => {
    const asked = request();
    const full = Array.from({ length: 20 }, (_, n) => room(`n${n}`, { isDrained: true }));

    expect(() => requireAllPlaced(asked, place(asked, full))).toThrow(/So do 12 more\./);
    expect(() => requireAllPlaced(asked, place(asked, []))).toThrow(/The grid has no nodes/);
  });

  it('lets what is there grow as far as its node lends, and no further', () => {
    const before = { cpuMillis: 500, memoryBytes: 256 * MIB, hostPorts: ['80/tcp'] };
    const node = room('a', { taken: { ...before, memoryBytes: 512 * MIB }, leases: 2 });

    const grown = withMore(node, before, { ...before, memoryBytes: 768 * MIB });
    expect(grown).toMatchObject({ taken: { memoryBytes: 1_024 * MIB }, leases: 2 });
    expect(() => withMore(node, before, { ...before, memoryBytes: 769 * MIB })).toThrow(
      expect.objectContaining({ code: 'OFFER_TOO_SMALL' }),
    );
  });
});
