import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Told } from '../../../src/core/services/network/map/frame.js';
import type { MeshRoute, MeshRule } from '../../../src/core/services/network/mesh-inputs.js';
import type { Selector } from '../../../src/core/services/network/selector.js';
import type { MeshNode, NetworkMap } from '../../../src/core/types/models/network.js';

import { decodeFrame } from '../../../src/core/services/network/map/decode.js';
import { hashOf } from '../../../src/core/services/network/map/fingerprint.js';
import { headOf } from '../../../src/core/services/network/map/frame.js';
import { NetworkMaps } from '../../../src/core/services/network/map/network-maps.js';
import { follow } from '../../../src/core/services/network/map/replica.js';
import { NaiveNetwork, sha256 } from '../../support/naive-network.js';

const ids = Array.from({ length: 9 }, (_, index) => `n${index}`);
const id = fc.constantFrom(...ids);
const owner = fc.constantFrom('ana', 'ben', 'cy');
const labels = fc.dictionary(fc.constantFrom('role', 'site'), fc.constantFrom('a', 'b'), {
  maxKeys: 2,
});

const selector: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant({}),
  owner.map((member) => ({ member })),
  labels.map((wanted) => ({ labels: wanted })),
  fc.record({ member: owner, labels }),
  fc.uniqueArray(id, { minLength: 1, maxLength: 3 }).map((nodes) => ({ nodes })),
);
const services = fc.constantFrom(
  [],
  [{ protocol: 'tcp' as const, ports: { first: 80, last: 80 } }],
);

const rule: fc.Arbitrary<MeshRule> = fc
  .record({ from: selector, to: selector, services })
  .map((said) => ({ id: `r${sha256(JSON.stringify(said)).slice(0, 8)}`, ...said }));

const route: fc.Arbitrary<MeshRoute> = fc
  .record({
    id: fc.constantFrom('route-1', 'route-2'),
    source: selector,
    goal: fc.option(id, { nil: undefined }),
    routers: fc.uniqueArray(id, { minLength: 1, maxLength: 3 }),
    isDirect: fc.boolean(),
    metric: fc.nat(3),
  })
  .map(({ id: name, source, goal, routers, isDirect, metric }) => ({
    id: name,
    source,
    metric,
    ...(goal === undefined
      ? { destinations: ['10.99.0.0/24'], routers }
      : {
          target: goal,
          destinations: [],
          routers: isDirect ? [] : routers.filter((n) => n !== goal),
        }),
  }));

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('join' as const), id, owner, labels }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), id }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('change' as const), id, owner, labels }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('patch' as const),
      id,
      port: fc.integer({ min: 1, max: 3 }),
      key: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('rule' as const), rule }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('unrule' as const), at: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('route' as const), route }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('turn' as const),
      id: fc.constantFrom('route-1', 'route-2'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('unroute' as const),
      id: fc.constantFrom('route-1', 'route-2'),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function node(name: string, ownerId: string, its: Readonly<Record<string, string>>): MeshNode {
  const number = ids.indexOf(name) + 1;
  return {
    id: name,
    name,
    ownerId,
    labels: its,
    publicKey: sha256(name),
    addresses: { v4: `10.77.0.${number}`, v6: `fd00::${number}` },
    endpoints: [{ host: '192.0.2.1', port: number, kind: 'seen' }],
    isOnline: true,
    isTransit: false,
  };
}

/** The maps, the same grid written down naively, and what each agent has made of what it was told. */
class World {
  readonly maps = new NetworkMaps(sha256);
  readonly naive = new NaiveNetwork();
  readonly agents = new Map<string, NetworkMap>();
  sequence = 0;

  take(one: Step): readonly Told[] {
    const [next, { maps, naive }] = [++this.sequence, this];
    switch (one.kind) {
      case 'join': {
        if (naive.nodes.has(one.id)) return [];
        const joined = node(one.id, one.owner, one.labels);
        naive.nodes.set(one.id, joined);
        return maps.nodeJoined(joined, next);
      }
      case 'leave':
        return naive.nodes.delete(one.id) ? maps.nodeLeft(one.id, next) : [];
      case 'change': {
        const known = naive.nodes.get(one.id);
        if (!known) return [];
        const changed = { ...known, ownerId: one.owner, labels: one.labels };
        naive.nodes.set(one.id, changed);
        return maps.nodeChanged(changed, next);
      }
      case 'patch':
        return this.#patch(one, next);
      case 'rule':
        if (naive.rules.has(one.rule.id)) return [];
        naive.rules.set(one.rule.id, one.rule);
        return maps.ruleAdded(one.rule, next);
      case 'unrule': {
        const gone = [...naive.rules.keys()][one.at] ?? 'none';
        naive.rules.delete(gone);
        return maps.ruleRemoved(gone, next);
      }
      case 'route':
        naive.routes.set(one.route.id, one.route);
        return maps.routeSet(one.route, next);
      case 'turn': {
        const known = naive.routes.get(one.id);
        if (!known) return [];
        const turned = { ...known, routers: known.routers.toReversed() };
        naive.routes.set(one.id, turned);
        return maps.routeSet(turned, next);
      }
      case 'unroute':
        naive.routes.delete(one.id);
        return maps.routeRemoved(one.id, next);
    }
  }

  #patch(one: Extract<Step, { kind: 'patch' }>, next: number) {
    const known = this.naive.nodes.get(one.id);
    if (!known) return [];
    const patch = {
      endpoints: [{ host: '2001:db8::1', port: one.port, kind: 'observed' as const }],
      ...(one.key ? { publicKey: sha256(`${one.id} ${one.port}`) } : {}),
    };
    this.naive.nodes.set(one.id, { ...known, ...patch });
    return this.maps.nodePatched({ id: one.id, ...patch }, next);
  }

  deliver(told: readonly Told[]): void {
    for (const one of told) this.receive(one);
    for (const gone of this.agents.keys())
      if (!this.naive.nodes.has(gone)) this.agents.delete(gone);
  }

  receive(one: Told): void {
    const text = headOf(one) + new TextDecoder().decode(one.notice.body);
    const followed = follow(this.agents.get(one.nodeId), decodeFrame(text), sha256);
    if (followed.kind !== 'applied') throw new Error(`${one.nodeId} is ${followed.kind}.`);
    this.agents.set(one.nodeId, followed.map);
  }

  /** All maps, each as a text. */
  written(): Map<string, string> {
    return new Map(
      [...this.naive.nodes.keys()].map((name) => [name, JSON.stringify(this.naive.mapOf(name))]),
    );
  }
}

// Goal: what is computed change by change is what one would compute from the whole, for each node, and nobody else is told.
describe('maps kept change by change', () => {
  it('are the maps of the whole; those are told whose map is another, and agents hold the same with the same hash', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const world = new World();
        for (const one of steps) {
          const before = world.written();
          const told = world.take(one);
          const after = world.written();
          const changed = [...after.keys()].filter((name) => before.get(name) !== after.get(name));
          expect(told.map(({ nodeId }) => nodeId).toSorted()).toEqual(changed.toSorted());
          world.deliver(told);
          for (const name of after.keys()) {
            const map = world.maps.mapOf(name);
            expect({ ...map, sequence: 0 }).toEqual({ ...world.naive.mapOf(name), sequence: 0 });
            expect(world.agents.get(name)).toEqual(map);
            expect(world.maps.expected(name)).toEqual({
              sequence: map.sequence,
              hash: hashOf(map, sha256),
            });
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('are the same on a replica that starts from the database, and an agent goes on there for a hundred bytes', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const world = new World();
        for (const one of steps) world.deliver(world.take(one));
        const { nodes, rules, routes } = world.naive;
        const replica = new NetworkMaps(sha256);
        const all = {
          nodes: [...nodes.values()],
          rules: [...rules.values()],
          routes: [...routes.values()],
        };
        replica.load(all, world.sequence);
        for (const [name, map] of world.agents) {
          const has = { sequence: map.sequence, hash: hashOf(map, sha256) };
          expect(replica.expected(name).hash).toBe(has.hash);
          const resumed = replica.resume(name, has);
          expect(['current', 'changes']).toContain(resumed.kind);
          for (const told of resumed.kind === 'changes' ? resumed.told : []) {
            expect(headOf(told).length + told.notice.body.length).toBeLessThan(100);
            world.receive(told);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('bring an agent that was away to where the others are, whatever it missed', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), fc.nat(30), (steps, away) => {
        const world = new World();
        for (const one of steps.slice(0, steps.length - away)) world.deliver(world.take(one));
        for (const one of steps.slice(steps.length - away)) world.take(one);
        for (const name of world.naive.nodes.keys()) {
          const map = world.agents.get(name);
          const has = map && { sequence: map.sequence, hash: hashOf(map, sha256) };
          const resumed = world.maps.resume(name, has);
          if (resumed.kind === 'changes') for (const told of resumed.told) world.receive(told);
          if (resumed.kind === 'whole') world.receive(resumed.told);
          expect(world.agents.get(name)).toEqual(world.maps.mapOf(name));
        }
      }),
      { numRuns: 400 },
    );
  });

  it('say nothing of a set that was let go of and made anew in the same change', () => {
    const world = new World();
    const lan = { destinations: ['10.99.0.0/24'], metric: 0, source: {} };
    const first: Step = { kind: 'route', route: { id: 'route-1', ...lan, routers: ['n1'] } };
    const second: Step = { kind: 'route', route: { id: 'route-1', ...lan, routers: ['n1', 'n2'] } };
    for (const name of ['n1', 'n0'])
      world.deliver(world.take({ kind: 'join', id: name, owner: 'ana', labels: {} }));
    world.deliver(world.take(first));

    world.deliver(world.take(second));

    expect(world.agents.get('n0')).toEqual(world.maps.mapOf('n0'));
    expect(world.agents.get('n1')).toEqual(world.maps.mapOf('n1'));
  });
});

describe('what cannot be in a map', () => {
  it('is a node with the id, the key or an address of another, and then nothing has changed', () => {
    const maps = new NetworkMaps(sha256);
    maps.nodeJoined(node('n0', 'ana', {}), 1);
    maps.nodeJoined(node('n1', 'ana', {}), 2);
    const before = maps.mapOf('n0');
    const twin = { ...node('n2', 'ana', {}), addresses: { v4: '10.77.0.9', v6: 'fd00::1' } };
    const duplicate = expect.objectContaining({ code: 'MESH_DUPLICATE' });

    expect(() => maps.nodeJoined(node('n1', 'ben', {}), 3)).toThrow(duplicate);
    expect(() => maps.nodeJoined(twin, 4)).toThrow(duplicate);
    expect(() => maps.nodePatched({ id: 'n1', publicKey: sha256('n0') }, 5)).toThrow(duplicate);
    expect(maps.mapOf('n0')).toEqual(before);
    expect(maps.nodeJoined(node('n2', 'ana', {}), 6)).toHaveLength(3);
  });

  it('is a change that comes after a later one', () => {
    const maps = new NetworkMaps(sha256);
    maps.nodeJoined(node('n0', 'ana', {}), 5);

    expect(() => maps.nodeLeft('n0', 5)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  it.each([
    '',
    '[1,null]\n{}',
    '[1,1,"AAAAAAAAAAAAAAAA"]\n',
    '[1,1,"AAAAAAAAAAAAAAAA"]\n[]',
    '[-1,1,"AAAAAAAAAAAAAAAA"]\n{}',
    '[1,2,"AAAAAAAAAAAAAAAA"]\n{}',
    '[2,1,"AAAAAAAAAAAAAAAA"]\n{"noPeers":[7]}',
    '[2,1,"AAAAAAAAAAAAAAAA"]\n{"rules":[["r","s",[["gre"]]]]}',
    '[2,1,"AAAAAAAAAAAAAAAA"]\n{"rules":[["r","s",[["tcp",0,80]]]]}',
    '[2,1,"AAAAAAAAAAAAAAAA"]\n{"patch":[["n",null,["x192.0.2.1:7"],null]]}',
  ])('is what is no frame: %j', (text) => {
    expect(() => decodeFrame(text)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  });
});
