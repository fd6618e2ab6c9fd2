import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { MeshRoute } from '../../../src/core/services/network/mesh-inputs.js';

import { requirePrefix } from '../../../src/core/utils/ip-prefix.js';
import { type Candidate, chooseRouter } from '../../../src/core/services/network/routes/choice.js';
import { explainPath } from '../../../src/core/services/network/routes/explain.js';
import {
  requireRoute,
  type Surroundings,
} from '../../../src/core/services/network/routes/refusals.js';

const candidate = (nodeId: string, its: Partial<Candidate> = {}): Candidate => ({
  nodeId,
  name: nodeId,
  isOnline: true,
  metric: 100,
  isRelayed: false,
  latencyMs: 20,
  ...its,
});

// Goal: which node forwards follows from what is known of them, always the same way, and does not flap.
describe('the choice of a router', () => {
  it.each([
    ['online', { isOnline: false, metric: 1 }],
    ['healthy', { isHealthy: false, metric: 1 }],
    ['metric', { metric: 101, latencyMs: 1 }],
    ['direct', { isRelayed: true, latencyMs: 1 }],
    ['latency', { latencyMs: 21 }],
    ['id', {}],
  ])('says that the other lost by %s', (reason, its) => {
    const choice = chooseRouter([candidate('b', its), candidate('a')]);

    expect(choice.chosen?.nodeId).toBe('a');
    expect(choice.reason).toBe(reason);
    expect(choice.losers).toEqual([{ candidate: candidate('b', its), reason }]);
  });

  it('keeps who forwards until another is faster by more than latencies wander', () => {
    const [a, b] = [candidate('a', { latencyMs: 20 }), candidate('b', { latencyMs: 28 })];

    expect(chooseRouter([a, b], 'b').chosen?.nodeId).toBe('b');
    expect(chooseRouter([a, b], 'b').reason).toBe('kept');
    expect(chooseRouter([a, { ...b, latencyMs: 31 }], 'b').chosen?.nodeId).toBe('a');
    expect(chooseRouter([a, { ...b, isHealthy: false }], 'b').chosen?.nodeId).toBe('a');
  });

  it('has nobody where nobody lives, and says so of each', () => {
    const choice = chooseRouter([
      candidate('a', { isOnline: false }),
      candidate('b', { isHealthy: false }),
    ]);

    expect(choice.chosen).toBeUndefined();
    expect(choice.losers.map(({ candidate: { nodeId }, reason }) => [nodeId, reason])).toEqual([
      ['b', 'healthy'],
      ['a', 'online'],
    ]);
  });

  const some = fc.record({
    isOnline: fc.boolean(),
    isHealthy: fc.option(fc.boolean(), { nil: undefined }),
    metric: fc.integer({ min: 1, max: 2 }),
    isRelayed: fc.boolean(),
    latencyMs: fc.option(fc.integer({ min: 1, max: 80 }), { nil: undefined }),
  });
  const several = fc.array(some, { minLength: 1, maxLength: 6 }).map((all) =>
    all.map(({ isHealthy, latencyMs, ...its }, index): Candidate => ({
      nodeId: `n${index}`,
      name: `n${index}`,
      ...its,
      ...(isHealthy === undefined ? {} : { isHealthy }),
      ...(latencyMs === undefined ? {} : { latencyMs }),
    })),
  );

  it('does not depend on the order in which they are named, and stays with what it chose', () => {
    fc.assert(
      fc.property(several, fc.nat(6), fc.integer(), (all, at, seed) => {
        const present = all[at]?.nodeId;
        const choice = chooseRouter(all, present);
        const turned = all.toSorted(
          (a, b) => ((a.metric * 7 + a.nodeId.length + seed) % 3) - (b.metric % 3),
        );
        expect(chooseRouter(turned.toReversed(), present)).toEqual(choice);
        expect(choice.order.map(({ nodeId }) => nodeId).toSorted()).toEqual(
          all.map(({ nodeId }) => nodeId),
        );
        expect(chooseRouter(all, choice.chosen?.nodeId).chosen).toEqual(choice.chosen);
        const isAnybody = all.some(({ isOnline, isHealthy }) => isOnline && isHealthy !== false);
        expect(choice.chosen !== undefined).toBe(isAnybody);
      }),
      { numRuns: 1_000 },
    );
  });

  it('does not change while latencies wander by less than the margin', () => {
    const wander = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })),
      {
        maxLength: 20,
      },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), wander, (base, steps) => {
        let present: string | undefined;
        const chosen = new Set<string | undefined>();
        for (const [a, b] of steps) {
          const both = [
            candidate('a', { latencyMs: base + a }),
            candidate('b', { latencyMs: base + b }),
          ];
          present = chooseRouter(both, present).chosen?.nodeId;
          chosen.add(present);
        }
        expect(chosen.size).toBeLessThanOrEqual(1);
      }),
    );
  });
});

const nodes = ['a', 'b', 'c', 't'].map((id) => ({
  id,
  name: `node-${id}`,
  ownerId: `of-${id}`,
  labels: {},
  isTransit: id !== 't',
}));
function nodeNamed(id: string) {
  const node = nodes.find((one) => one.id === id);
  if (!node) throw new Error(`There is no ${id}.`);
  return node;
}
const lan = (id: string, its: Partial<MeshRoute> = {}): MeshRoute => ({
  id,
  source: { nodes: ['a'] },
  destinations: ['10.99.0.0/24'],
  routers: ['b', 'c'],
  metric: 100,
  ...its,
});
const pin = (id: string, source: string, routers: readonly string[], target = 't'): MeshRoute => ({
  id,
  source: { nodes: [source] },
  target,
  destinations: [],
  routers,
  metric: 100,
});
const around = (its: Partial<Surroundings> = {}): Surroundings => ({
  mesh: [requirePrefix('10.77.0.0/16'), requirePrefix('fd77::/48')],
  hosts: [{ prefix: requirePrefix('192.168.1.0/24'), node: 'node-a' }],
  routes: [],
  daemons: [requirePrefix('198.51.100.7')],
  nodes,
  ...its,
});
const refused = (route: MeshRoute, code: string, text: RegExp, its: Partial<Surroundings> = {}) =>
  expect(() => requireRoute(route, around(its))).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(text) }),
  );

// Goal: what could not work, or would harm, is refused before any node hears of it.
describe('a route that is asked for', () => {
  it('is taken where nothing is in its way', () => {
    expect(() =>
      requireRoute(lan('r'), around({ routes: [lan('r'), pin('p', 'a', ['b'])] })),
    ).not.toThrow();
    expect(() => requireRoute(pin('p', 'a', []), around())).not.toThrow();
    expect(() =>
      requireRoute({ ...pin('p', 'a', ['b', 'c']), source: {} }, around()),
    ).not.toThrow();
  });

  it('is refused where it overlaps, with what it overlaps', () => {
    const over = (text: string) => lan('r', { destinations: [text] });
    refused(
      over('10.77.3.0/24'),
      'ROUTE_OVERLAPS',
      /10\.77\.3\.0\/24 overlaps 10\.77\.0\.0\/16, which is the mesh/,
    );
    refused(
      over('192.168.0.0/16'),
      'ROUTE_OVERLAPS',
      /192\.168\.1\.0\/24, which is a network of "node-a"/,
    );
    const routes = [
      lan('wide', { destinations: ['10.96.0.0/12'] }),
      lan('near', { destinations: ['10.99.0.0/16'] }),
    ];
    refused(lan('r'), 'ROUTE_OVERLAPS', /overlaps 10\.99\.0\.0\/16, which is route near/, {
      routes,
    });
    refused(
      lan('r', { destinations: ['10.99.0.0/24', '10.99.0.128/25'] }),
      'ROUTE_OVERLAPS',
      /another destination/,
    );
    refused(pin('q', 'a', []), 'ROUTE_OVERLAPS', /by route p already/, {
      routes: [pin('p', 'a', ['b'])],
    });
  });

  it('may have the prefix of another route whose sources are others', () => {
    const routes = [lan('near', { source: { nodes: ['t'] } })];

    expect(() => requireRoute(lan('r'), around({ routes }))).not.toThrow();
  });

  it('is refused where it goes round, with the whole circle', () => {
    refused(
      pin('p', 'a', ['t'], 't'),
      'ROUTE_LOOPS',
      /"node-t" cannot be reached by way of itself/,
    );
    refused(pin('p', 't', []), 'ROUTE_LOOPS', /"node-t" needs no route to itself/);
    refused(pin('p', 'b', ['c']), 'ROUTE_LOOPS', /node-c → node-b → node-c/, {
      routes: [pin('q', 'c', ['b'])],
    });
    refused(pin('p', 'a', ['b']), 'ROUTE_LOOPS', /node-b → node-c → node-a → node-b/, {
      routes: [pin('q', 'b', ['c']), pin('s', 'c', ['a'])],
    });
  });

  it('is refused where agents would lose their daemon', () => {
    refused(
      lan('r', { destinations: ['198.51.0.0/16'] }),
      'ROUTE_CUTS_OFF',
      /has the daemon in it, 198\.51\.100\.7/,
    );
    refused(lan('r', { destinations: ['0.0.0.0/0'] }), 'ROUTE_CUTS_OFF', /0\.0\.0\.0\/0/);
  });

  it('is refused without the leave of who forwards, and without nodes that are there', () => {
    refused(
      lan('r', { routers: ['t'] }),
      'TRANSIT_REFUSED',
      /owner of "node-t" does not let it forward/,
    );
    refused(lan('r', { routers: ['x'] }), 'NODE_NOT_FOUND', /not in the mesh/);
    refused(pin('p', 'x', []), 'NODE_NOT_FOUND', /No node is a source/);
    refused(lan('r', { routers: ['b', 'b'] }), 'INPUT_INVALID', /once/);
    refused(lan('r', { routers: [] }), 'INPUT_INVALID', /needs a node that forwards/);
    refused(lan('r', { destinations: [] }), 'INPUT_INVALID', /to one node, or to networks/);
    refused(
      lan('r', { destinations: ['10.99.0.1/24'] }),
      'INPUT_INVALID',
      /the prefix is 10\.99\.0\.0\/24/,
    );
  });
});

const known = (routes: readonly MeshRoute[], dead: readonly string[] = []) => ({
  routes,
  rules: [],
  choiceOf: () =>
    chooseRouter(
      ['b', 'c'].map((id) => candidate(id, dead.includes(id) ? { isHealthy: false } : {})),
    ),
});

// Goal: who asks why packets go where they go, gets the whole answer.
describe('the explanation of a path', () => {
  const tcp = { protocol: 'tcp' as const, ports: { first: 80, last: 80 } };
  const path = (goal: Parameters<typeof explainPath>[1], its: ReturnType<typeof known>) => {
    return explainPath(nodeNamed('a'), goal, tcp, its);
  };
  const toLan = { kind: 'address' as const, address: requirePrefix('10.99.0.10') };
  const toT = {
    kind: 'node' as const,
    node: nodeNamed('t'),
  };

  it('names who forwards, why, and by what each other lost', () => {
    const told = path(toLan, known([lan('r')], ['b']));

    expect(told).toMatchObject({
      kind: 'routed',
      hops: ['a', 'c'],
      prefix: '10.99.0.0/24',
      verdict: { kind: 'route' },
    });
    expect(told.choice?.losers).toMatchObject([{ candidate: { nodeId: 'b' }, reason: 'healthy' }]);
  });

  it('names the routes that were not meant', () => {
    const routes = [
      lan('wide', { destinations: ['10.0.0.0/8'] }),
      lan('near'),
      lan('others', { source: { nodes: ['t'] } }),
    ];

    expect(path(toLan, known(routes)).route?.id).toBe('near');
    expect(path(toLan, known(routes)).passedOver).toEqual([
      { routeId: 'wide', why: 'shorter-prefix', prefix: '10.0.0.0/8' },
      { routeId: 'others', why: 'not-a-source' },
    ]);
  });

  it('says that nothing leads there', () => {
    expect(path(toLan, known([]))).toMatchObject({
      kind: 'unreachable',
      verdict: { kind: 'denied' },
    });
    expect(path(toLan, known([lan('r')], ['b', 'c']))).toMatchObject({
      kind: 'unreachable',
      route: { id: 'r' },
    });
    expect(path(toT, known([]))).toMatchObject({
      kind: 'unreachable',
      verdict: { kind: 'denied' },
    });
  });

  it('says of a node what lets it be reached, and by whom', () => {
    expect(path(toT, known([pin('p', 'a', [])]))).toMatchObject({
      kind: 'direct',
      hops: ['a', 't'],
      verdict: { kind: 'route', routeId: 'p' },
    });
    expect(path(toT, known([pin('p', 'a', ['b', 'c'])])).hops).toEqual(['a', 'b', 't']);
  });
});
