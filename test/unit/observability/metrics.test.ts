import { Histogram, Registry } from '@prometheus-io/client';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createMetrics } from '../../../src/daemon/observability/metrics.js';
import { parseMetrics } from '../../support/scrape.js';

const read = async (metrics: ReturnType<typeof createMetrics>) =>
  parseMetrics(await metrics.render());

// Goal: what is counted is what is told, in the words of Prometheus, and what cannot be read is not made up.
describe('the metrics', () => {
  it('count by label values, and tell the sum at each look', async () => {
    const metrics = createMetrics();
    const counter = metrics.counter({
      name: 'calls_total',
      help: 'Calls.',
      labels: ['who', 'how'],
    });
    counter('ann', 'well').add();
    counter('ann', 'well').add(2);
    counter('ann', 'badly').add();

    await metrics.render();
    const seen = await read(metrics);

    expect(seen.series('calls_total').map(({ labels, value }) => [labels, value])).toEqual([
      [{ who: 'ann', how: 'well' }, 3],
      [{ who: 'ann', how: 'badly' }, 1],
    ]);
  });

  it('keep label values that hold the format’s own characters apart', async () => {
    const metrics = createMetrics();
    const counter = metrics.counter({ name: 'odd_total', help: 'Odd.', labels: ['a', 'b'] });
    counter('x"} 7\n', 'y\\').add();

    const { text } = await read(metrics);

    expect(text).toContain('odd_total{a="x\\"} 7\\n",b="y\\\\"} 1\n');
  });

  it('write a histogram exactly as the client itself does', async () => {
    const buckets = [0.5, 1, 2.5, 10];
    const values = fc.array(
      fc.tuple(
        fc.constantFrom('a', 'b'),
        fc.oneof(fc.constantFrom(0, ...buckets), fc.double({ min: 0, max: 20, noNaN: true })),
      ),
    );
    await fc.assert(
      fc.asyncProperty(values, async (observed) => {
        const registry = new Registry();
        const name = 'took_seconds';
        const spec = { name, help: 'How long.', buckets };
        const theirs = new Histogram({ ...spec, labelNames: ['what'], registers: [registry] });
        const metrics = createMetrics();
        const ours = metrics.histogram({ ...spec, labels: ['what'] });
        for (const [what, value] of observed) {
          theirs.labels(what).observe(value);
          ours(what).observe(value);
        }

        const told = parseMetrics(await registry.metrics());
        const seen = await read(metrics);

        for (const suffix of ['_bucket', '_sum', '_count']) {
          expect(seen.series(`${name}${suffix}`)).toEqual(told.series(`${name}${suffix}`));
        }
        expect(seen.text).toContain(`# TYPE ${name} histogram`);
      }),
      { numRuns: 50 },
    );
  });

  it('read a gauge when somebody looks, and forget what is no longer there', async () => {
    const metrics = createMetrics();
    let nodes = ['a', 'b'];
    metrics.gauge({ name: 'here', help: 'Here.', labels: ['node'] }, () =>
      nodes.map((node) => ({ labels: { node }, value: 1 })),
    );

    const before = await read(metrics);
    nodes = ['b'];
    const after = await read(metrics);

    expect(before.series('here').map(({ labels }) => labels['node'])).toEqual(['a', 'b']);
    expect(after.series('here').map(({ labels }) => labels['node'])).toEqual(['b']);
  });

  it('leave out what cannot be read, and say so, once for all that is', async () => {
    const metrics = createMetrics();
    let isThere = true;
    metrics.gauge({ name: 'here', help: 'Here.', labels: ['node'] }, async () => {
      if (isThere) return [{ labels: { node: 'a' }, value: 1 }];
      throw new TypeError('gone');
    });
    await metrics.render();

    isThere = false;
    const failed = await read(metrics);
    isThere = true;
    const back = await read(metrics);

    const success = { collector: 'here' };
    expect(failed.series('here')).toEqual([]);
    expect(failed.value('syntropy_scrape_collector_success', success)).toBe(0);
    expect(back.value('here', { node: 'a' })).toBe(1);
    expect(back.value('syntropy_scrape_collector_success', success)).toBe(1);
  });

  it('are read once for all who look at the same time', async () => {
    const metrics = createMetrics();
    let reads = 0;
    const gate = Promise.withResolvers<void>();
    metrics.gauge({ name: 'slow', help: 'Slow.' }, async () => {
      reads += 1;
      await gate.promise;
      return [{ labels: {}, value: reads }];
    });

    const looks = Array.from({ length: 20 }, () => metrics.render());
    gate.resolve();

    expect(new Set(await Promise.all(looks)).size).toBe(1);
    expect(reads).toBe(1);
  });

  it('tell of the process and its event loop', async () => {
    const seen = await read(createMetrics());

    expect(seen.value('process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(seen.value('nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
  });
});
