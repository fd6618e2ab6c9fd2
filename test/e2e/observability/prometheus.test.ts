import { describe, expect, it } from 'vitest';

import { daemonProcess } from '../../support/daemon-process.js';
import { documentOf } from '../../support/cli.js';
import { startPrometheus } from '../../support/prometheus.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

type Prometheus = Awaited<ReturnType<typeof startPrometheus>>;

const settled = (
  prometheus: Prometheus,
  query: string,
  wanted: readonly (readonly [object, number])[],
) =>
  waitFor(
    `${query} to be ${JSON.stringify(wanted)}`,
    async () => {
      const found = await prometheus.query(query);
      const told = found.map(({ metric, value }) => [metric, value]);
      return JSON.stringify(told) === JSON.stringify(wanted);
    },
    30_000,
  );

// Goal: what SPEC.md says under Monitoring, seen by the program that it is for, on the daemon that people run.
describe.skipIf(missing('prometheus'))('a real Prometheus', () => {
  it('scrapes a real daemon, and answers for its requests and its nodes', async () => {
    await using daemon = await daemonProcess();
    const status = documentOf(await daemon.cli('daemon', 'status', '--json'));
    const opsUrl = String(new Map(Object.entries(status.daemon ?? {})).get('opsUrl'));
    await using prometheus = await startPrometheus([opsUrl]);

    await daemon.cli(
      'node',
      'create',
      '--name',
      'node-01',
      '--output',
      `${daemon.home}/n.img`,
      '--yes',
    );
    for (const name of ['a', 'b']) await daemon.cli('node', 'status', name);
    const node = await daemon.client.call('nodes.get', { node: 'node-01' });

    await settled(prometheus, 'sum by (status) (node_status)', [[{ status: node.status }, 1]]);
    await settled(
      prometheus,
      'sum by (method, endpoint, status) (http_requests_total{status="404"})',
      [[{ endpoint: '/v1/nodes/:node', method: 'GET', status: '404' }, 2]],
    );
    await settled(
      prometheus,
      `node_status{node_id="${node.id}"} unless node_status{status="${node.status}"}`,
      [],
    );
    await settled(
      prometheus,
      'histogram_quantile(0.5, syntropy_operation_duration_seconds_bucket{operation="nodes.get",outcome="refused"}) < bool 30',
      [
        [
          {
            instance: new URL(opsUrl).host,
            job: 'syntropy',
            operation: 'nodes.get',
            outcome: 'refused',
          },
          1,
        ],
      ],
    );
    expect(await prometheus.targets()).toEqual([{ health: 'up', lastError: '' }]);
    const types = ['http_requests_total', 'node_status', 'syntropy_operation_duration_seconds'];
    expect(await Promise.all(types.map((name) => prometheus.typeOf(name)))).toEqual([
      'counter',
      'gauge',
      'histogram',
    ]);

    await daemon.cli('node', 'delete', 'node-01', '--yes');
    await settled(prometheus, 'node_status', []);
    expect(await prometheus.targets()).toEqual([{ health: 'up', lastError: '' }]);
  });
});
