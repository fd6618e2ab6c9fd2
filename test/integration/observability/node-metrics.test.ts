import { describe, expect, it } from 'vitest';

import { type DaemonWorld, daemonWorld } from '../../support/daemon-world.js';
import { scrape } from '../../support/scrape.js';

/** So many nodes that have joined, of which the n-th was heard of n minutes ago and told then how it fared. */
async function addNodes({ database }: DaemonWorld, count: number): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into nodes (id, name, status)
     select ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'n' || i, 'online' from generate_series(0, $1::int - 1) i
     returning id`,
    [count],
  );
  await database.pool.query(
    `insert into node_agents (node_id, identity_key, wireguard_key, machine, approval, joined_at, last_seen_at)
     select id, sha256(convert_to(name, 'UTF8')), sha256(convert_to(name || '!', 'UTF8')), sha256('m'), 'approved', now(),
       now() - substr(name, 2)::int * interval '1 minute' from nodes`,
  );
  await database.pool.query(
    `insert into node_samples (node_id, at, cpu_percent, disk_used, disk_total, temperature)
     select node_id, last_seen_at, 50, 9007199254740991, 9007199254740991, null from node_agents
     union all select node_id, last_seen_at - interval '10 seconds', 1, 1, 1, 1 from node_agents`,
  );
  return rows.map(({ id }) => id);
}

// Goal: what is told of a node is its newest word, and nothing that was true once.
describe('the gauges of nodes', () => {
  it('are of the newest sample, and are gone when the node has fallen silent', async () => {
    await using world = await daemonWorld();
    const { opsUrl } = await world.client.call('daemon.get', {});
    const [fresh = '', , , silent = ''] = await addNodes(world, 4);

    const seen = await scrape(opsUrl);

    const at = { node_id: fresh };
    expect(seen.value('syntropy_node_cpu_ratio', at)).toBe(0.5);
    expect(seen.value('syntropy_node_disk_used_bytes', at)).toBe(Number.MAX_SAFE_INTEGER);
    expect(seen.value('syntropy_node_temperature_celsius', at)).toBeUndefined();
    expect(seen.value('syntropy_node_last_seen_age_seconds', at)).toBeLessThan(30);
    const old = { node_id: silent };
    expect(seen.value('syntropy_node_cpu_ratio', old)).toBeUndefined();
    expect(seen.value('syntropy_node_last_seen_age_seconds', old)).toBeGreaterThan(179);
    expect(seen.value('syntropy_node_gauges_complete')).toBe(1);
  });

  it('are of two thousand nodes at most, and say that there are more', async () => {
    await using world = await daemonWorld();
    const { opsUrl } = await world.client.call('daemon.get', {});
    await addNodes(world, 2_001);

    const seen = await scrape(opsUrl);

    expect(seen.series('syntropy_node_last_seen_age_seconds')).toHaveLength(2_000);
    expect(seen.value('syntropy_node_gauges_complete')).toBe(0);
  });
});

// Goal: a grid whose containers do not run is seen without asking for each of them.
describe('the gauge of containers', () => {
  it('counts them by status, without those that are removed', async () => {
    await using world = await daemonWorld();
    const { opsUrl } = await world.client.call('daemon.get', {});
    await world.database.pool.query(
      `insert into containers (name, image, status, removed_at)
       select 'c' || i, 'app', case when i < 3 then 'running' when i < 5 then 'degraded' else 'removed' end,
         case when i >= 5 then now() end from generate_series(0, 7) i`,
    );

    const seen = await scrape(opsUrl);

    expect(seen.value('syntropy_containers', { status: 'running' })).toBe(3);
    expect(seen.value('syntropy_containers', { status: 'degraded' })).toBe(2);
    expect(seen.value('syntropy_containers', { status: 'removed' })).toBeUndefined();
  });
});
