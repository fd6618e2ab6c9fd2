import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { canonicalJson } from '../../../src/core/services/container/canonical.js';
import {
  changedParts,
  changedSpec,
  specOf,
  unconfinedParts,
} from '../../../src/core/services/container/defaults.js';

// Goal: what is left out is safe, and a change changes what it names and nothing else.
describe('a spec', () => {
  it('is confined by default', () => {
    const spec = specOf({ image: 'nginx' });

    expect(unconfinedParts(spec)).toEqual([]);
    expect(spec).toEqual({
      image: 'nginx',
      env: {},
      secrets: [],
      ports: [],
      volumes: [],
      cpuMillis: 500,
      memoryBytes: 256 * 2 ** 20,
      restart: 'unless-stopped',
      pull: 'missing',
      stopSeconds: 10,
      updateOrder: 'auto',
      confinement: {
        capAdd: [],
        writableRoot: false,
        allowPrivilegeEscalation: false,
        pidsLimit: 256,
      },
    });
  });

  it('names each safe default that is given up', () => {
    const spec = specOf({
      image: 'nginx',
      volumes: [{ source: '/srv', target: '/srv', readOnly: true }],
      confinement: {
        user: '0',
        capAdd: ['CHOWN'],
        writableRoot: true,
        allowPrivilegeEscalation: true,
        pidsLimit: 4_097,
      },
    });

    expect(unconfinedParts(spec)).toEqual([
      'capability CHOWN',
      'writable root',
      'privilege escalation',
      '4097 processes',
      'folder /srv',
    ]);
  });

  it('changes by parts', () => {
    const health = {
      command: ['true'],
      intervalMs: 1_000,
      timeoutMs: 100,
      retries: 1,
      startPeriodMs: 0,
    };
    const before = specOf({
      image: 'app:1',
      env: { A: '1', B: '2' },
      health,
      restart: 'on-failure',
      maxRestarts: 3,
    });

    const after = changedSpec(before, {
      env: { B: '3', C: '4' },
      removeEnv: ['A'],
      health: null,
      restart: 'always',
      confinement: { writableRoot: true },
    });

    expect(after.env).toEqual({ B: '3', C: '4' });
    expect(after.health).toBeUndefined();
    // It went with the policy that it was of.
    expect(after.maxRestarts).toBeUndefined();
    expect(after.confinement).toMatchObject({ writableRoot: true, pidsLimit: 256 });
    expect(changedParts(before, after)).toEqual([
      'confinement',
      'env',
      'health',
      'maxRestarts',
      'restart',
    ]);
    expect(changedParts(before, changedSpec(before, {}))).toEqual([]);
  });
});

describe('canonical JSON', () => {
  it('is one text for what is equal, and JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
