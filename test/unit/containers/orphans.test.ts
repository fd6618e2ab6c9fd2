import { describe, expect, it } from 'vitest';

import type { RunState } from '../../../src/core/services/container/runtime.ports.js';

import { Orphans } from '../../../src/agent/work/orphans.js';

const LEASE = '0b6d2b5e-8f55-4b57-9d4e-53a3f3a2c9d1';
const ID = 'ab'.repeat(32);
const nothing = () => undefined;

/** A node on whose engine that container is in that state, or unknown, and runs in the cgroup of its lease. */
function node(state: RunState | undefined, cgroup = ID) {
  const ended: string[] = [];
  const world = { isBusy: false, hasEngine: true, state };
  const labels = { node: 'n', lease: LEASE, container: 'c', replica: '1', specHash: 'h' };
  const orphans = new Orphans({
    node: 'n',
    lent: {
      busyIn: () => Promise.resolve(ended.length === 0 ? [cgroup] : []),
      endIn: (lease, name) => {
        ended.push(`${lease}/${name}`);
        return Promise.resolve();
      },
    },
    runtime: () =>
      world.hasEngine
        ? {
            list: () =>
              Promise.resolve(
                world.state === undefined
                  ? []
                  : [{ id: ID, name: 'x', labels, state: world.state }],
              ),
          }
        : undefined,
    leases: () => [LEASE],
    isBusy: () => world.isBusy,
    log: { info: nothing, warn: nothing, error: nothing },
  });
  return { orphans, ended, world };
}

// Goal: what an engine has forgotten does not run beside what has taken its place; what it minds is never touched.
describe('what runs in the cgroup of a lease', () => {
  it.each([
    ['no engine knows', undefined, ID],
    ['its engine takes for ended', 'exited', ID],
    ['its engine takes for never started', 'created', `docker-${ID}.scope`],
  ] as const)('and %s is ended, after a while', async (_, state, cgroup) => {
    const { orphans, ended } = node(state, cgroup);
    await orphans.look(0);
    await orphans.look(19_999);
    expect(ended).toEqual([]);
    await orphans.look(20_000);
    expect(ended).toEqual([`${LEASE}/${cgroup}`]);
  });

  it.each(['running', 'restarting', 'stopping'] as const)(
    'and is %s is left alone',
    async (state) => {
      const { orphans, ended } = node(state);
      for (const ms of [0, 30_000, 60_000]) await orphans.look(ms);
      expect(ended).toEqual([]);
    },
  );

  it('and is no container’s is left alone', async () => {
    const { orphans, ended } = node(undefined, 'init');
    for (const ms of [0, 30_000, 60_000]) await orphans.look(ms);
    expect(ended).toEqual([]);
  });

  it('is given time anew after steps from here, and while no engine answers', async () => {
    const { orphans, ended, world } = node(undefined);
    await orphans.look(0);
    world.isBusy = true;
    await orphans.look(15_000);
    world.isBusy = false;
    await orphans.look(25_000);
    world.hasEngine = false;
    await orphans.look(40_000);
    world.hasEngine = true;
    await orphans.look(50_000);
    expect(ended).toEqual([]);
    await orphans.look(70_000);
    expect(ended).toHaveLength(1);
  });
});
