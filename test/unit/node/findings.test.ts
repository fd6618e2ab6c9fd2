import { describe, expect, it } from 'vitest';

import type { Node } from '../../../src/core/types/models/node.js';
import type { Sample } from '../../../src/core/types/models/sample.js';

import { findingsOf, isOlder } from '../../../src/core/services/node/findings.js';

const now = new Date('2026-11-24T12:00:00Z');
const before = (minutes: number) => new Date(now.getTime() - minutes * 60_000);

function node(changed: Partial<Node> = {}, agent: Partial<NonNullable<Node['agent']>> = {}): Node {
  return {
    id: '018f6e2a-0000-7000-8000-000000000001',
    name: 'node-01',
    owner: { id: '018f6e2a-0000-7000-8000-000000000002', name: 'ana' },
    status: 'online',
    statusSince: before(60),
    labels: {},
    createdAt: before(600),
    updatedAt: before(60),
    version: 1,
    agent: {
      approval: 'approved',
      joinedAt: before(600),
      version: '1.2.3',
      generation: 1,
      observedGeneration: 1,
      problems: [],
      ...agent,
    },
    ...changed,
  };
}

const codesOf = (of: Node, sample?: Sample) =>
  findingsOf(of, { sample, now, version: '1.2.3' }).map(({ code }) => code);

const stick = (joinTokenExpiresAt: string): Partial<Node> => ({
  status: 'provisioned',
  provisioning: {
    operationId: '018f6e2a-0000-7000-8000-000000000003',
    image: 'seed',
    target: '/dev/sdz',
    targetState: 'verified',
    verified: true,
    identityWritten: true,
    joinTokenExpiresAt,
  },
});

// Goal: whoever is told what is wrong is told what to do.
describe('the findings of a node', () => {
  it('are none when it is well', () => {
    const sample = { diskUsedBytes: 10, diskTotalBytes: 100, temperatureCelsius: 40 };

    expect(codesOf(node(), sample)).toEqual([]);
    expect(codesOf(node())).toEqual([]);
  });

  it.each([
    ['offline', node({ status: 'offline', statusReason: 'Nothing was heard of it.' })],
    ['lost', node({ status: 'lost' })],
    ['failed', node({ status: 'failed' })],
    ['never-connected', node({ status: 'joining' })],
    ['approval-pending', node({ status: 'joining' }, { approval: 'pending' })],
    ['machine-changed', node({ status: 'offline' }, { approval: 'pending' })],
    ['clock-off', node({}, { clockSkewMs: -31_000 })],
    ['agent-outdated', node({}, { version: '1.1.9' })],
    ['order-not-done', node({}, { problems: [{ code: 'RESTART_NOT_ALLOWED', message: 'No.' }] })],
    ['degraded', node({ status: 'degraded', statusReason: 'It comes and goes.' })],
  ])('tell %s', (code, of) => {
    expect(codesOf(of)).toContain(code);
  });

  it.each([
    ['disk-full', { diskUsedBytes: 95, diskTotalBytes: 100 }],
    ['disk-filling', { diskUsedBytes: 85, diskTotalBytes: 100 }],
    ['memory-short', { memoryUsedBytes: 95, memoryTotalBytes: 100 }],
    ['too-hot', { temperatureCelsius: 90 }],
  ])('tell %s by its sample', (code, sample) => {
    expect(codesOf(node(), sample)).toEqual([code]);
  });

  it('say nothing of the machine of a node that is not connected', () => {
    const sample = { diskUsedBytes: 99, diskTotalBytes: 100 };

    expect(codesOf(node({ status: 'offline' }, { clockSkewMs: 1e9 }), sample)).toEqual(['offline']);
  });

  it('do not say twice why it is degraded', () => {
    const sample = { diskUsedBytes: 99, diskTotalBytes: 100 };
    const of = node({ status: 'degraded', statusReason: 'Its disk is 95 % full or more.' });

    expect(codesOf(of, sample)).toEqual(['disk-full']);
  });

  it('begin with the worst', () => {
    const of = node({}, { version: '1.0.0', clockSkewMs: 60_000 });

    expect(codesOf(of, { diskUsedBytes: 90, diskTotalBytes: 100 })).toEqual([
      'clock-off',
      'disk-filling',
      'agent-outdated',
    ]);
  });

  it('tell of a stick whose token is too old, and of no other', () => {
    expect(codesOf(node(stick('2026-11-24T11:59:59Z')))).toEqual(['join-token-expired']);
    expect(codesOf(node(stick('2026-11-24T12:00:01Z')))).toEqual([]);
  });

  it('always say what to do', () => {
    const all = findingsOf(node({ status: 'degraded' }, { clockSkewMs: 1e9, version: '0.0.1' }), {
      sample: { diskUsedBytes: 1, diskTotalBytes: 1, temperatureCelsius: 99 },
      now,
      version: '1.2.3',
    });

    expect(all.every(({ message, hint }) => message.endsWith('.') && hint.endsWith('.'))).toBe(
      true,
    );
  });
});

describe('a version', () => {
  it.each([
    ['1.2.3', '1.2.4', true],
    ['1.2.10', '1.2.9', false],
    ['1.9.9', '2.0.0', true],
    ['1.2.3', '1.2.3', false],
    ['0.0.0-dev', '0.0.1', true],
    ['yesterday', '1.0.0', false],
  ])('%s is older than %s: %s', (version, than, expected) => {
    expect(isOlder(version, than)).toBe(expected);
  });
});
