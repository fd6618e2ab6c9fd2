import { describe, expect, it, vi } from 'vitest';

import { createReadiness } from '../../../src/daemon/observability/readiness.js';

const ready = (over: Partial<Parameters<typeof createReadiness>[0]> = {}) =>
  createReadiness({
    readSchemaVersion: async () => 2,
    schemaVersion: 2,
    parts: { redis: () => 'ok' },
    ...over,
  });

// Goal: work is sent to a daemon when it can do it, and a person reads at once why not.
describe('a daemon is', () => {
  it('ready when the database answers and has its schema', async () => {
    await expect(ready().report()).resolves.toEqual({
      status: 'ready',
      degraded: [],
      checks: {
        database: { status: 'ok' },
        schema: { status: 'ok' },
        redis: { status: 'ok' },
      },
    });
  });

  it('degraded without Redis, and named so', async () => {
    const report = await ready({ parts: { redis: () => 'degraded' } }).report();

    expect([report.status, report.degraded]).toEqual(['degraded', ['redis']]);
  });

  it('degraded on a newer schema: the rolling update has come to it last', async () => {
    const report = await ready({ readSchemaVersion: async () => 3 }).report();

    expect([report.status, report.degraded]).toEqual(['degraded', ['schema']]);
  });

  it('unready on an older schema', async () => {
    const report = await ready({ readSchemaVersion: async () => 1 }).report();

    expect(report.status).toBe('unready');
    expect(report.checks['schema']).toEqual({
      status: 'failed',
      reason: 'the database has schema 1, this program is of schema 2',
    });
  });

  it('unready without the database, whose words it does not pass on', async () => {
    const secret = 'postgres://syntropy:hunter2@db';
    const failing = async () => {
      throw new TypeError(`cannot connect to ${secret}`);
    };

    const report = await ready({ readSchemaVersion: failing }).report();

    expect(report.status).toBe('unready');
    expect(report.checks['database']?.status).toBe('failed');
    expect(JSON.stringify(report)).not.toContain('hunter2');
  });

  it('unready when the database has not answered in two seconds', async () => {
    vi.useFakeTimers();
    try {
      const report = ready({ readSchemaVersion: () => new Promise(() => undefined) }).report();
      await vi.advanceTimersByTimeAsync(2_000);

      expect((await report).status).toBe('unready');
    } finally {
      vi.useRealTimers();
    }
  });

  it('unready from the moment it stops', async () => {
    const readiness = ready();
    await readiness.report();
    readiness.stop();

    const report = await readiness.report();

    expect(report.status).toBe('unready');
    expect(report.checks['stopping']?.status).toBe('failed');
  });
});
