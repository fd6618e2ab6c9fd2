import { describe, expect, it } from 'vitest';

import type { SyntropyClient } from '../../../src/client/client.js';

import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';
import { worker } from '../../support/worker.js';

const MIB = 2 ** 20;
const get = (admin: SyntropyClient, container = 'web') =>
  admin.call('containers.get', { container });

const reaches = (admin: SyntropyClient, status: string, container = 'web') =>
  waitFor(`the container to be ${status}`, async () => {
    const found = await get(admin, container);
    return found.status === status ? found : undefined;
  });

// Goal: another revision takes over one replica after the other, and goes back when it does not come up.
describe('a container that is changed', () => {
  it('moves one replica at a time', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using one = await worker(world, 'node-01');
    await using two = await worker(world, 'node-02');
    await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      replicas: 2,
      payFrom: 'node-01',
    });
    const before = await reaches(admin, 'running');
    expect(before.nodes.map(({ name }) => name)).toEqual(['node-01', 'node-02']);
    one.expect(() => undefined);
    two.expect(() => undefined);

    const changed = await admin.call('containers.update', {
      container: 'web',
      image: 'app:2',
      ifVersion: before.version,
    });
    await waitFor('the first to be told', () => one.held.size === 1 && one.assigned.length === 2);

    expect(changed).toMatchObject({ status: 'updating', revision: 2, version: before.version + 1 });
    expect(two.assigned).toHaveLength(1);
    one.behave(() => ({ phase: 'running', digest: `sha256:${'a'.repeat(64)}` }));
    await waitFor('the second to be told', () => two.assigned.length === 2);
    // The first replica has decided which image it is.
    expect(two.assigned[1]).toMatchObject({
      spec: { image: 'app:2' },
      digest: `sha256:${'a'.repeat(64)}`,
    });
    two.behave(() => ({ phase: 'running' }));
    await reaches(admin, 'running');
    const { revisions } = await admin.call('containers.history', { container: 'web' });
    expect(revisions.map(({ revision, state }) => [revision, state])).toEqual([
      [2, 'current'],
      [1, 'superseded'],
    ]);
    await expect(
      admin.call('containers.update', { container: 'web', image: 'app:3', ifVersion: 1 }),
    ).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
  });

  it('goes back to what ran before when the new revision does not come up', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    await admin.call('containers.deploy', { name: 'web', image: 'app:1', payFrom: 'node-01' });
    await reaches(admin, 'running');
    const first = node.assigned[0]?.specHash;
    node.expect(({ spec }) =>
      spec.image === 'app:2'
        ? {
            phase: 'running',
            specHash: first ?? '',
            code: 'CONTAINER_ROLLED_BACK',
            reason: 'It ended with 1.',
            lastWords: 'no such table',
          }
        : { phase: 'running' },
    );

    await admin.call('containers.update', { container: 'web', image: 'app:2' });
    const back = await waitFor('the revision before', async () => {
      const found = await get(admin);
      return found.revision === 1 && found.status === 'running' ? found : undefined;
    });

    expect(back.spec.image).toBe('app:1');
    expect(node.assigned.map(({ spec }) => spec.image)).toEqual(['app:1', 'app:2', 'app:1']);
    const { revisions } = await admin.call('containers.history', { container: 'web' });
    expect(revisions).toMatchObject([
      { revision: 2, state: 'failed', reason: 'It ended with 1.' },
      { revision: 1, state: 'current' },
    ]);
    const { events } = await admin.call('events.list', { after: '0', limit: 500 });
    expect(events.filter(({ type }) => type === 'container.rolled-back')).toMatchObject([
      { object: { id: back.id }, payload: { from: 2, to: 1, code: 'CONTAINER_ROLLED_BACK' } },
    ]);
    // Room was held for both, and is for one now.
    const { rows } = await world.database.pool.query('select memory_bytes from container_leases');
    expect(rows).toEqual([{ memory_bytes: String(256 * MIB) }]);
  });

  it('has one image, also where its replicas found two because a tag moved meanwhile', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using one = await worker(world, 'node-01');
    await using two = await worker(world, 'node-02');
    const [first, second] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
    one.expect(() => undefined);
    two.expect(() => undefined);
    await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      replicas: 2,
      payFrom: 'node-01',
    });
    await waitFor('both to be told', () => one.assigned.length + two.assigned.length === 2);
    one.behave(() => ({ phase: 'starting', digest: first }));
    await waitFor('the first image', async () => (await get(admin)).digest === first);
    // A node runs what it was told to run, and the tag otherwise.
    two.behave(({ digest = second }) => ({ phase: 'running', digest }));
    const again = await waitFor('the second to be told anew', () => two.assigned[1]);
    one.behave(() => ({ phase: 'running', digest: first }));
    const up = await reaches(admin, 'running');

    expect(two.assigned[0]?.digest).toBeUndefined();
    expect(again).toMatchObject({ generation: 2, digest: first, spec: { image: 'app:1' } });
    // Another container, or its node would keep the one that it has.
    expect(again.specHash).toMatch(/^[0-9a-f]{64}$/);
    expect(again.specHash).not.toBe(two.assigned[0]?.specHash);
    expect(up.instances.map(({ digest }) => digest)).toEqual([first, first]);
    expect(up.digest).toBe(first);
    expect([one.assigned.length, two.assigned.length]).toEqual([1, 2]);
  });

  it('makes replicas of another image again one at a time once it has come up', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using one = await worker(world, 'node-01');
    await using two = await worker(world, 'node-02');
    const [first, second] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
    await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      replicas: 3,
      payFrom: 'node-01',
    });
    await reaches(admin, 'running');
    two.behave(() => ({ phase: 'running', digest: first }));
    await waitFor('the image to be known', async () => (await get(admin)).digest === first);
    // Both were lost to an engine, and fetched anew when the tag had moved.
    const held = one.assigned.length;
    one.expect(({ generation }) => (generation > 1 ? undefined : { phase: 'running' }));
    one.report(
      [...one.held.values()].map((of) => one.said(of, { phase: 'running', digest: second })),
    );
    await waitFor('one of them to be told anew', () => one.assigned.length === held + 1);
    const during = one.assigned.slice(held);
    one.behave(({ digest = second }) => ({ phase: 'running', digest }));
    await waitFor('the other one', () => one.assigned.length === held + 2);
    await waitFor('one image', async () => {
      const { instances } = await get(admin);
      return instances.every(({ digest }) => digest === first);
    });

    expect(held).toBe(2);
    expect(during).toMatchObject([{ digest: first, generation: 2 }]);
  });

  it('is fetched anew when it is updated with --pull always, also where nothing else changes', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    let tag = `sha256:${'1'.repeat(64)}`;
    node.expect(({ digest = tag }) => ({ phase: 'running', digest }));
    await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      pull: 'always',
      payFrom: 'node-01',
    });
    await reaches(admin, 'running');
    tag = `sha256:${'2'.repeat(64)}`;

    await admin.call('containers.update', { container: 'web', pull: 'always' });
    await waitFor('the new image', async () => (await get(admin)).digest === tag);
    const renewed = await reaches(admin, 'running');
    const back = await admin.call('containers.rollback', { container: 'web' });
    await waitFor('the image before', () => node.assigned.length === 3);

    expect(renewed).toMatchObject({ revision: 2, digest: tag });
    expect(back).toMatchObject({ revision: 3, digest: `sha256:${'1'.repeat(64)}` });
    const hashes = node.assigned.map(({ specHash }) => specHash);
    expect(hashes[0]).toBe(hashes[2]);
    expect(hashes[0]).not.toBe(hashes[1]);
    expect(node.assigned[1]?.digest).toBeUndefined();
  });

  it('holds the room of both revisions until one of them is gone, and is refused when there is none', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01', { offer: { memoryBytes: 600 * MIB } });
    await admin.call('containers.deploy', { name: 'web', image: 'app:1', payFrom: 'node-01' });
    await reaches(admin, 'running');

    await expect(
      admin.call('containers.update', { container: 'web', memoryBytes: 700 * MIB }),
    ).rejects.toMatchObject({ code: 'OFFER_TOO_SMALL' });
    node.expect(() => undefined);
    await admin.call('containers.update', { container: 'web', memoryBytes: 500 * MIB });
    await expect(
      admin.call('containers.deploy', { name: 'other', image: 'app:1', payFrom: 'node-01' }),
    ).rejects.toMatchObject({ code: 'NO_PLACE' });
    expect((await get(admin)).revision).toBe(2);
  });

  it('fails for good when its first revision does not come up, and gives up its name', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    node.expect(() => ({
      phase: 'failed',
      code: 'CONTAINER_IMAGE_NOT_FOUND',
      reason: 'The registry has no app:1.',
      lastWords: 'manifest unknown',
    }));

    const made = await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
    });
    const failed = await reaches(admin, 'failed', made.id);
    await waitFor('the replica to be gone', () => node.held.size === 0);

    expect(failed).toMatchObject({
      statusReason: 'The registry has no app:1.',
      formerName: 'web',
      instances: [{ code: 'CONTAINER_IMAGE_NOT_FOUND', lastWords: 'manifest unknown' }],
    });
    node.expect(() => ({ phase: 'running' }));
    await admin.call('containers.deploy', { name: 'web', image: 'app:1', payFrom: 'node-01' });
    await reaches(admin, 'running');
    const kept = await get(admin, made.id);
    expect(kept).toMatchObject({
      status: 'failed',
      instances: [{ lastWords: 'manifest unknown' }],
    });
  });

  it('tries again what may pass, and fails when it does not', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    node.expect(unreachable(1));
    const { id } = await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
    });
    await waitFor('the failure', async () => {
      const { instances } = await get(admin, id);
      return instances[0]?.phase === 'failed';
    });
    // The second in a row, and the same once more, as after a reconnect.
    for (let n = 0; n < 3; n += 1) node.behave(unreachable(2));
    node.behave(() => ({ phase: 'pulling' }));
    await waitFor('another try', async () => {
      const { instances } = await get(admin, id);
      return instances[0]?.phase === 'pulling';
    });
    expect(await get(admin, id)).toMatchObject({ status: 'deploying' });
    // Nothing is seen to happen in between.
    node.behave(unreachable(3));

    await reaches(admin, 'failed', id);
  });

  it('is scaled, rolled back and applied', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    const request = { name: 'web', image: 'app:1', payFrom: 'node-01' };
    const created = await admin.call('containers.apply', request);
    await reaches(admin, 'running');

    expect(created.outcome).toBe('created');
    expect((await admin.call('containers.apply', request)).outcome).toBe('unchanged');
    await admin.call('containers.scale', { container: 'web', replicas: 3 });
    const three = await reaches(admin, 'running');
    expect(three).toMatchObject({ replicas: 3, replicasRunning: 3 });
    await admin.call('containers.scale', { container: 'web', replicas: 1 });
    await waitFor('the others to be gone', () => node.held.size === 1);
    const updated = await admin.call('containers.apply', {
      ...request,
      image: 'app:2',
      replicas: 1,
    });
    expect(updated.outcome).toBe('updated');
    await reaches(admin, 'running');
    const back = await admin.call('containers.rollback', { container: 'web' });
    expect(back).toMatchObject({ revision: 3, spec: { image: 'app:1' } });
    await reaches(admin, 'running');
    await expect(
      admin.call('containers.rollback', { container: 'web', revision: 9 }),
    ).rejects.toMatchObject({ code: 'REVISION_NOT_FOUND' });
    await expect(
      admin.call('containers.scale', { container: 'web', replicas: 100 }),
    ).rejects.toMatchObject({ code: 'NO_PLACE' });
    await admin.call('containers.stop', { container: 'web' });
    await expect(admin.call('containers.restart', { container: 'web' })).rejects.toMatchObject({
      code: 'CONTAINER_NOT_RUNNING',
    });
  });

  it('is told, where it is asked for on another node, that what has a place keeps it', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using one = await worker(world, 'node-01');
    await using two = await worker(world, 'node-02', { labels: { site: 'attic' } });
    const request = { name: 'web', image: 'app:1', payFrom: 'node-01', replicas: 2 };
    await admin.call('containers.apply', { ...request, node: one.name });
    await reaches(admin, 'running');
    const said = async (asked: object) =>
      (await admin.call('containers.plan', { ...request, ...asked })).warnings.filter((warning) =>
        warning.includes('stays there'),
      );

    const [moved, selected] = [
      await said({ node: two.name }),
      await said({ selector: { site: 'attic' } }),
    ];
    const more = await said({ node: two.name, replicas: 3 });
    await admin.call('containers.apply', { ...request, node: two.name });

    expect(moved).toEqual([
      expect.stringMatching(/on "node-01" stays there.* remove the container/),
    ]);
    expect([selected, more]).toEqual([moved, moved]);
    expect(await said({ node: one.name })).toEqual([]);
    expect((await reaches(admin, 'running')).nodes).toMatchObject([{ name: 'node-01' }]);
  });

  it('is made once by a call that is repeated with its key', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    const { accessToken: token } = await world.signedIn('ana', { roles: ['admin'] });
    const once = () =>
      world.ask('POST', '/v1/containers', {
        token,
        body: { name: 'web', image: 'app:1', payFrom: 'node-01' },
        headers: { 'idempotency-key': 'one' },
      });

    const [first, second] = [await once(), await once()];

    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.id).toBe(first.body.id);
    expect(node.works.at(-1)?.leases).toHaveLength(1);
  });
});

/** So often in a row no registry answered. */
function unreachable(failures: number) {
  return () =>
    ({ phase: 'failed', code: 'REGISTRY_UNREACHABLE', reason: 'away', failures }) as const;
}
