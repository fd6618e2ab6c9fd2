import { describe, expect, it } from 'vitest';

import type { OperationInput } from '../../../src/contract/registry.js';

import { type RemoteWorld, remoteWorld } from '../../support/remote-world.js';
import { ENGINE, silence, type Worker, worker, type WorkerOptions } from '../../support/worker.js';
import { waitFor } from '../../support/wait-for.js';

const MIB = 2 ** 20;

const asked = (name: string, rest: Partial<OperationInput<'containers.deploy'>> = {}) => ({
  name,
  image: 'busybox:1.36',
  payFrom: 'node-01',
  ...rest,
});

const port = (host: number) => ({ host, container: host, protocol: 'tcp' as const });

// Goal: no node has more to run than its owner lends, however many deploy at once and from wherever.
describe('room on a node', () => {
  it('is never given away twice, by forty deployments at once over two daemons', async () => {
    await using world = await remoteWorld({
      replicas: 2,
      config: { 'limits.perSubjectPerMinute': '1000000' },
    });
    await using node = await worker(world, 'node-01', {
      offer: { cpuMillis: 4_000, memoryBytes: 1_000 * MIB },
    });
    node.expect(() => undefined);

    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) =>
        (world.replicas[n % 2] ?? world).admin.call(
          'containers.deploy',
          asked(`c-${n}`, { memoryBytes: 150 * MIB, cpuMillis: 100 }),
        ),
      ),
    );

    const made = results.filter(({ status }) => status === 'fulfilled');
    const codes = results.flatMap((result) =>
      result.status === 'rejected' ? [String(result.reason.code)] : [],
    );
    expect(made).toHaveLength(6);
    expect(new Set(codes)).toEqual(new Set(['NO_PLACE']));
    const { rows } = await world.database.pool.query<{ memory: string; count: string }>(
      `select sum(memory_bytes) as memory, count(*) from container_leases where ended_at is null`,
    );
    expect(Number(rows[0]?.memory)).toBe(900 * MIB);
    expect(Number(rows[0]?.count)).toBe(6);
    const { containers } = await world.admin.call('containers.list', { removed: true });
    expect(containers).toHaveLength(6);
  });

  it('gives one port to one container, and one name', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    await using node = await worker(world, 'node-01');
    node.expect(() => undefined);
    const ports = [{ host: 8_080, container: 80, protocol: 'tcp' as const }];
    const both = (requests: readonly OperationInput<'containers.deploy'>[]) =>
      Promise.allSettled(
        requests.map((request, n) =>
          (world.replicas[n % 2] ?? world).admin.call('containers.deploy', request),
        ),
      );

    const byPort = await both([
      asked('a', { ports, node: 'node-01' }),
      asked('b', { ports, node: 'node-01' }),
    ]);
    const byName = await both([asked('same'), asked('same')]);

    const codesOf = (results: typeof byPort) =>
      results.map((result) => (result.status === 'rejected' ? String(result.reason.code) : 'made'));
    expect(codesOf(byPort).toSorted()).toEqual(['PORT_TAKEN', 'made']);
    expect(codesOf(byName).toSorted()).toEqual(['CONTAINER_NAME_TAKEN', 'made']);
  });

  it('is refused with the reason of the node that was named, or of every node', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using one = await worker(world, 'node-01', { labels: { site: 'attic' } });
    await using two = await worker(world, 'node-02', { engine: null });
    await using three = await worker(world, 'node-03', { offer: null });
    await admin.call('nodes.drain', { node: 'node-03' });
    await one.disconnect();
    await waitFor('the node to be offline', async () => {
      await world.database.pool.query(`update nodes set status = 'offline' where id = '${one.id}'`);
      return true;
    });
    const codeOf = (rest: Partial<OperationInput<'containers.deploy'>>) =>
      admin.call('containers.deploy', asked('web', rest)).then(
        () => 'made',
        ({ code }: { code: string }) => code,
      );

    expect(await codeOf({ node: 'node-01' })).toBe('NODE_OFFLINE');
    expect(await codeOf({ node: 'node-02' })).toBe('ENGINE_MISSING');
    expect(await codeOf({ node: 'node-03' })).toBe('NODE_DRAINED');
    expect(await codeOf({ node: 'node-02', selector: { site: 'attic' } })).toBe(
      'NODE_NOT_SELECTED',
    );
    expect(await codeOf({ node: 'node-99' })).toBe('NODE_NOT_FOUND');
    await admin.call('nodes.undrain', { node: 'node-03' });
    expect(await codeOf({ node: 'node-03' })).toBe('OFFER_TOO_SMALL');
    two.setEngine(ENGINE);
    await waitFor('the engine to be known', async () => {
      const { agent } = await admin.call('nodes.get', { node: 'node-02' });
      return agent?.engine !== undefined;
    });
    expect(await codeOf({ node: 'node-02', memoryBytes: 4_096 * MIB })).toBe('OFFER_TOO_SMALL');
    const refusal = await admin
      .call('containers.deploy', asked('web', { memoryBytes: 4_096 * MIB }))
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'NO_PLACE',
      message: expect.stringMatching(
        /"node-01" is not connected.*"node-02" has .* left.*"node-03" offers/,
      ),
    });
    expect(three.held.size).toBe(0);
    const { containers } = await admin.call('containers.list', { removed: true });
    expect(containers).toEqual([]);
  });

  it('is planned with every rejection, and nothing is changed', async () => {
    await using world = await remoteWorld();
    await using one = await worker(world, 'node-01', { offer: { memoryBytes: 300 * MIB } });
    await using two = await worker(world, 'node-02', { offer: { memoryBytes: 900 * MIB } });

    const plan = await world.admin.call('containers.plan', asked('web', { replicas: 2 }));
    const tight = await world.admin.call(
      'containers.plan',
      asked('web', { memoryBytes: 400 * MIB }),
    );

    expect(plan).toMatchObject({
      action: 'create',
      payFrom: { name: 'node-01' },
      placements: [
        { replica: 1, node: { name: 'node-01' } },
        { replica: 2, node: { name: 'node-02' } },
      ],
      rejections: [],
      unconfined: [],
    });
    expect(tight.placements).toMatchObject([{ node: { name: 'node-02' } }]);
    expect(tight.rejections).toMatchObject([
      { node: { name: 'node-01' }, code: 'OFFER_TOO_SMALL' },
    ]);
    expect(one.works.length + two.works.length).toBe(2);
    await expect(
      world.admin.call('containers.plan', asked('web', { replicas: 9 })),
    ).rejects.toMatchObject({ code: 'NO_PLACE' });
  });

  it('is planned as a change without a word of nodes that are not asked for anything', async () => {
    await using world = await remoteWorld();
    await using _ = await worker(world, 'node-01');
    const request = asked('web', { ports: [port(8_090)] });
    await world.admin.call('containers.deploy', request);

    const plan = await world.admin.call('containers.plan', { ...request, env: { A: '1' } });

    expect(plan).toMatchObject({ action: 'update', changed: ['env'], rejections: [] });
    expect(plan.placements).toMatchObject([{ replica: 1, node: { name: 'node-01' } }]);
  });
});

// Goal: what is asked for badly is refused by a code, and leaves nothing behind.
describe('a deployment that is asked for badly', () => {
  it('is refused', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    await world.signedIn('ana');
    const ana = await world.signedIn('ben');
    const { admin } = world;
    const codeOf = (request: OperationInput<'containers.deploy'>) =>
      admin.call('containers.deploy', request).then(
        () => 'made',
        ({ code }: { code: string }) => code,
      );

    expect(await codeOf(asked('Web'))).toBe('NAME_INVALID');
    expect(await codeOf(asked('web', { ports: [port(80), port(80)] }))).toBe('INPUT_INVALID');
    expect(await codeOf(asked('web', { maxRestarts: 3 }))).toBe('INPUT_INVALID');
    expect(
      await codeOf(
        asked('web', {
          volumes: [
            { source: 'a', target: '/data', readOnly: false },
            { source: 'b', target: '/data', readOnly: false },
          ],
        }),
      ),
    ).toBe('INPUT_INVALID');
    expect(await codeOf(asked('web', { secrets: [{ name: 'none' }] }))).toBe('SECRET_NOT_FOUND');
    expect(await codeOf(asked('web', { registryAuth: 'none' }))).toBe('SECRET_NOT_FOUND');
    const byMember = (body: object) =>
      world.ask('POST', '/v1/containers', { token: ana.accessToken, body });
    const without = await byMember({ name: 'web', image: 'busybox' });
    const foreign = await byMember({ name: 'web', image: 'busybox', payFrom: 'node-01' });
    expect(without.body.code).toBe('PAYER_REQUIRED');
    expect(foreign.body.code).toBe('PERMISSION_DENIED');
    expect(node.works.every(({ leases }) => leases.length === 0)).toBe(true);
    const { rows } = await world.database.pool.query('select from containers');
    expect(rows).toHaveLength(0);
  });
});

// Goal: whatever waits for room has it as soon as there is some, and does not wait for the next look.
describe('a replica that lost its place, and finds no other', () => {
  const small = { offer: { memoryBytes: 200 * MIB } };
  const offer = { memoryBytes: 1_024 * MIB };

  it.each<Cause>([
    {
      what: 'a container is removed',
      full: filled,
      make: ({ admin }) => admin.call('containers.remove', { container: 'other' }),
    },
    {
      what: 'more is offered',
      options: small,
      make: ({ admin }) => admin.call('nodes.update', { node: 'node-01', offer }),
    },
    {
      what: 'a node takes work again',
      full: drained,
      make: ({ admin }) => admin.call('nodes.undrain', { node: 'node-01' }),
    },
    {
      what: 'an engine appears',
      options: { engine: null },
      make: async (_, home) => home.setEngine(ENGINE),
    },
    {
      what: 'a node comes back',
      full: away,
      make: async (_, home) => home.connect(),
    },
  ])('is placed at once when $what', async ({ options = {}, full, make }) => {
    await using grid = await waiting(options, full);
    const { world, home } = grid;
    const { rows } = await world.database.pool.query<{ now: Date }>('select now() as now');

    await make(world, home);
    const placed = await reaches(world, 'web', 'running');

    expect(placed.nodes).toMatchObject([{ name: 'node-01' }]);
    const { events } = await world.admin.call('events.list', { after: '0', limit: 500 });
    const last = events.filter(
      ({ type, object }) => type === 'container.placed' && object.id === placed.id,
    );
    const afterMs = Date.parse(last.at(-1)?.createdAt ?? '') - (rows[0]?.now.getTime() ?? 0);
    // The clock would have looked every ten seconds.
    expect(afterMs).toBeLessThan(4_000);
  });
});

interface Cause {
  readonly what: string;
  readonly options?: WorkerOptions;
  readonly full?: (world: RemoteWorld, home: Worker) => Promise<unknown>;
  readonly make: (world: RemoteWorld, home: Worker) => Promise<unknown>;
}

const reaches = ({ admin }: RemoteWorld, container: string, status: string) =>
  waitFor(
    `${container} to be ${status}`,
    async () => {
      const found = await admin.call('containers.get', { container });
      return found.status === status ? found : undefined;
    },
    30_000,
  );

/** A container whose node was deleted, beside one node that the test says has no room. */
async function waiting(options: WorkerOptions, full: Cause['full']) {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await remoteWorld({ replicas: 2 }));
  const home = stack.use(await worker(world, 'node-01', options));
  await full?.(world, home);
  stack.use(await worker(world, 'node-02'));
  await world.admin.call('containers.deploy', asked('web'));
  await reaches(world, 'web', 'running');
  await world.admin.call('nodes.delete', { node: 'node-02', force: true });
  await reaches(world, 'web', 'pending');
  const kept = stack.move();
  return { world, home, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

function drained({ admin }: RemoteWorld) {
  return admin.call('nodes.drain', { node: 'node-01' });
}

async function filled(world: RemoteWorld) {
  await world.admin.call('containers.deploy', asked('other', { memoryBytes: 2_000 * MIB }));
  await reaches(world, 'other', 'running');
}

async function away(world: RemoteWorld, home: Worker) {
  await home.disconnect();
  await silence(world, home, 40);
}
