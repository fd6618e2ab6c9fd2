import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type {
  PolicyParty,
  PolicySubject,
} from '../../../src/core/services/network/policy/policy.js';
import type { Service } from '../../../src/core/types/models/network.js';

import { NetworkMaps } from '../../../src/core/services/network/map/network-maps.js';
import { parsePolicy } from '../../../src/core/services/network/policy/parse.js';
import { compilePolicy, policyChanges } from '../../../src/core/services/network/policy/policy.js';
import {
  requireTestsPass,
  serviceText,
  verdictOf,
} from '../../../src/core/services/network/policy/verdict.js';
import { sha256 } from '../../support/naive-network.js';

const members = ['ana', 'ben', 'cy'];
const nodes: readonly PolicySubject[] = Array.from({ length: 8 }, (_, index) => ({
  id: `id-${index}`,
  name: `node-${index}`,
  ownerId: `of-${members[index % 3]}`,
  labels: { role: index % 2 === 0 ? 'db' : 'web', ...(index > 4 ? { site: 'attic' } : {}) },
}));
const names = {
  nodeId: (name: string) => nodes.find((node) => node.name === name)?.id,
  memberId: (name: string) => (members.includes(name) ? `of-${name}` : undefined),
};
const named = (name: string) => nodes.find((node) => node.name === name);
const compiled = (text: string) => compilePolicy(parsePolicy(text), names, sha256);
const refused = (text: string, message: RegExp) =>
  expect(() => parsePolicy(text)).toThrow(
    expect.objectContaining({ code: 'POLICY_INVALID', message: expect.stringMatching(message) }),
  );

const WEB = `
rules:
  - name: web to databases
    from: label:role=web
    to: [label:role=db, member:cy label:site=attic]
    allow: [tcp/5432, tcp/6000-6010, icmp]
tests:
  - from: node-1
    to: node-0
    allow: tcp/5432
    deny: [tcp/22, udp/5432]
`;

// Goal: a policy says who may talk to whom, in a file that proves itself before it counts.
describe('a policy file', () => {
  it('is read with the parties that any of may fit, and the words that all have to', () => {
    const [rule] = parsePolicy(WEB).rules;

    expect(rule?.from).toEqual([{ labels: { role: 'web' } }]);
    expect(rule?.to).toEqual([
      { labels: { role: 'db' } },
      { member: 'cy', labels: { site: 'attic' } },
    ]);
    expect(rule?.services.map(serviceText)).toEqual(['tcp/5432', 'tcp/6000-6010', 'icmp']);
  });

  it.each([
    ['rules: [', /^Line 1, column \d+: This is no YAML/],
    ['', /empty/],
    ['rule: []', /^Line 1, column 1: A policy has no "rule"; it has rules, tests/],
    [
      'rules:\n  - name: a\n    from: all\n    to: all',
      /^Line 2, column 5: A rule needs name, from, to and allow/,
    ],
    ['rules:\n  - {name: a, from: nodes:x, to: all, allow: all}', /"nodes:x" names no nodes/],
    ['rules:\n  - {name: a, from: all node:x, to: all, allow: all}', /names no nodes/],
    [
      'rules:\n  - {name: a, from: all, to: all, allow: tcp/0}',
      /"tcp\/0" is nothing that can pass/,
    ],
    ['rules:\n  - {name: a, from: all, to: all, allow: tcp/70000}', /nothing that can pass/],
    ['rules:\n  - {name: a, from: all, to: all, allow: tcp/9-8}', /nothing that can pass/],
    ['rules:\n  - {name: a, from: all, to: all, allow: icmp/8}', /nothing that can pass/],
    ['rules:\n  - {name: a, from: all, to: all, allow: []}', /allow names nothing/],
    ['rules:\n  - {name: a, from: [], to: all, allow: all}', /from names nothing/],
    ['rules:\n  - {name: a, from: all, to: all, allow: all, deny: all}', /has no "deny"/],
    [
      'rules:\n  - &x {name: a, from: all, to: all, allow: all}\n  - *x',
      /is to be keys and values/,
    ],
    ['tests:\n  - {from: node-0, to: node-1}', /A test needs/],
    ['a: 1\n---\nb: 2', /second document/],
  ])('is refused with its place: %j', (text, message) => refused(text, message));

  it('is not taken when one of its tests fails, and says which', () => {
    const policy = parsePolicy(WEB.replace('deny: [tcp/22', 'deny: [tcp/5000-5500, tcp/22'));
    const { rules } = compilePolicy(policy, names, sha256);

    expect(() => requireTestsPass(parsePolicy(WEB), rules, named)).not.toThrow();
    expect(() => requireTestsPass(policy, rules, named)).toThrow(
      expect.objectContaining({
        code: 'POLICY_TEST_FAILED',
        message: expect.stringContaining('"node-1" can reach tcp/5000-5500 of "node-0".'),
      }),
    );
  });

  it('fails a test about a node that is not there', () => {
    const policy = parsePolicy('tests: [{from: node-1, to: node-77, deny: tcp}]');

    expect(() => requireTestsPass(policy, [], named)).toThrow(/There is no node "node-77"/);
  });

  it('tells of names that nobody has, and opens nothing for them', () => {
    const { rules, unknown } = compiled(
      'rules: [{name: a, from: member:dora, to: [node:node-77, node:node-0], allow: all}]',
    );

    expect(unknown).toEqual([
      { kind: 'node', name: 'node-77', rule: 'a' },
      { kind: 'member', name: 'dora', rule: 'a' },
    ]);
    expect(rules).toEqual([]);
  });

  it('changes only the rules that say something else', () => {
    const before = compiled(WEB).rules;
    const after = compiled(
      WEB.replace('web to databases', 'renamed').replace('member:cy', 'member:ana'),
    ).rules;
    const { added, removed } = policyChanges(before, after);

    expect(added.map(({ to }) => to)).toEqual([{ member: 'of-ana', labels: { site: 'attic' } }]);
    expect(removed).toEqual(before.filter(({ to }) => to.member === 'of-cy').map(({ id }) => id));
  });
});

const party: fc.Arbitrary<PolicyParty> = fc.record(
  {
    node: fc.constantFrom('node-0', 'node-1', 'node-5'),
    member: fc.constantFrom(...members),
    labels: fc.constantFrom({ role: 'db' }, { site: 'attic' }, { role: 'web', site: 'attic' }),
  },
  { requiredKeys: [] },
);
const parties = fc.array(party, { minLength: 1, maxLength: 3 });
const port = fc.constantFrom(22, 80, 443);
const service: fc.Arbitrary<Service> = fc.oneof(
  fc.constantFrom<Service>({ protocol: 'icmp' }, { protocol: 'udp' }),
  port.map((first) => ({ protocol: 'tcp' as const, ports: { first, last: first + 10 } })),
);
const policies = fc.array(
  fc.record({
    name: fc.constant('r'),
    from: parties,
    to: parties,
    services: fc.array(service, { maxLength: 2 }),
  }),
  { maxLength: 5 },
);

/** What the file says, read word for word. */
function fits({ node, member, labels }: PolicyParty, subject: PolicySubject): boolean {
  if (node !== undefined && node !== subject.name) return false;
  if (member !== undefined && `of-${member}` !== subject.ownerId) return false;
  return Object.entries(labels ?? {}).every(([key, value]) => subject.labels[key] === value);
}

describe('the rules and sets that nodes get of a policy', () => {
  it('let through just what the file lets through, for each pair', () => {
    fc.assert(
      fc.property(policies, port, (rules, asked) => {
        const { rules: meshRules } = compilePolicy({ rules, tests: [] }, names, sha256);
        const maps = new NetworkMaps(sha256);
        const all = nodes.map((node, index) => ({
          ...node,
          publicKey: `key-${index}`,
          addresses: { v4: `10.77.0.${index + 1}`, v6: `fd00::${index + 1}` },
          endpoints: [],
          isOnline: true,
          isTransit: false,
        }));
        maps.load({ nodes: all, rules: meshRules, routes: [] }, 1);
        const wanted: Service = { protocol: 'tcp', ports: { first: asked, last: asked } };
        const passes = ({ protocol, ports }: Service) =>
          protocol === 'tcp' && (!ports || (ports.first <= asked && asked <= ports.last));
        for (const to of nodes) {
          const { policy, peers } = maps.mapOf(to.id);
          for (const from of nodes.filter((one) => one.id !== to.id)) {
            const isSaid =
              from.ownerId === to.ownerId ||
              rules.some(
                (one) =>
                  one.from.some((word) => fits(word, from)) &&
                  one.to.some((word) => fits(word, to)) &&
                  (one.services.length === 0 || one.services.some(passes)),
              );
            const sets = policy.sets.filter(({ members: ids }) => ids.includes(from.id));
            const isLet = policy.rules.some(
              (one) =>
                sets.some(({ id }) => id === one.from) &&
                (one.services.length === 0 || one.services.some(passes)),
            );
            expect(isLet).toBe(isSaid);
            expect(verdictOf(from, to, wanted, meshRules).kind !== 'denied').toBe(isSaid);
            const isPeer = peers.some(({ id }) => id === from.id);
            expect(isPeer || !isSaid).toBe(true);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
