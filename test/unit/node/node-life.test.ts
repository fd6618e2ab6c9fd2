import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { NodeStatus } from '../../../src/core/types/models/node.js';

import { isFlapping, type LifeEvent, nextStatus } from '../../../src/core/utils/node-life.js';

const events: readonly LifeEvent[] = [
  'write',
  'written',
  'write-failed',
  'join',
  'reject',
  'healthy',
  'ailing',
  'silent',
  'given-up',
  'leave',
  'retire',
];
const anyEvents = fc.array(fc.constantFrom(...events), { maxLength: 60 });

function lived(from: NodeStatus, happened: readonly LifeEvent[]): readonly NodeStatus[] {
  const statuses = [from];
  for (const event of happened) {
    const last = statuses.at(-1) ?? from;
    statuses.push(nextStatus(last, event) ?? last);
  }
  return statuses;
}

// Goal: whatever happens, in whatever order and however often, a node is never where it cannot be.
describe('the life of a node', () => {
  it('goes from a stick to work, and back after an outage', () => {
    const life = lived('provisioning', [
      'written',
      'join',
      'healthy',
      'ailing',
      'silent',
      'given-up',
      'healthy',
      'retire',
    ]);

    expect(life).toEqual([
      'provisioning',
      'provisioned',
      'joining',
      'online',
      'degraded',
      'offline',
      'lost',
      'online',
      'retired',
    ]);
  });

  it('is never online without having joined', () => {
    fc.assert(
      fc.property(anyEvents, (happened) => {
        const life = lived('provisioning', happened);
        const online = life.findIndex((status) => status === 'online' || status === 'degraded');

        expect(online === -1 || life.slice(0, online).includes('joining')).toBe(true);
      }),
    );
  });

  it('ends with being retired', () => {
    fc.assert(
      fc.property(anyEvents, (happened) => {
        const life = lived('provisioning', [...happened, 'retire', ...happened]);

        expect(new Set(life.slice(happened.length + 1))).toEqual(new Set(['retired']));
      }),
    );
  });

  it('is not given up before it was offline, unless it left', () => {
    fc.assert(
      fc.property(anyEvents, (happened) => {
        const staying = happened.filter((event) => event !== 'leave');
        const life = lived('joining', staying);

        const before = life.filter((_, at) => life[at + 1] === 'lost' && life[at] !== 'lost');

        expect(before.every((status) => status === 'offline')).toBe(true);
      }),
    );
  });

  it('is not changed by what comes twice', () => {
    fc.assert(
      fc.property(anyEvents, fc.constantFrom(...events), (happened, event) => {
        const once = lived('provisioning', [...happened, event]).at(-1);
        const twice = lived('provisioning', [...happened, event, event]).at(-1);
        // A failed stick that is written again is the one thing that goes on.
        expect(twice).toBe(once);
      }),
    );
  });
});

describe('coming and going', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000);

  it.each([
    [[0, 1, 2, 3], false],
    [[0, 1, 2, 3, 4], true],
    [[0, 3, 6, 9, 11], false],
    [[9, 0, 3, 2, 1], true],
    [[], false],
  ])('at %j minutes ago is flapping: %s', (ages, isIt) => {
    expect(isFlapping(ages.map(minutesAgo), now)).toBe(isIt);
  });
});
