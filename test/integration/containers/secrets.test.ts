import { describe, expect, it } from 'vitest';

import { ADMIN_NAME } from '../../../src/core/types/constants/admin.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';
import { worker } from '../../support/worker.js';

const CANARY = 'canary-of-the-secret-value';
const base64 = (text: string) => Buffer.from(text).toString('base64');

// Goal: what a secret is reaches the node that needs it, and nobody and nothing else.
describe('a secret', () => {
  it('is in the container’s assignment, and in no answer, event, log, audit entry or row', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');

    const set = await admin.call('secrets.set', { name: 'db', base64: base64(CANARY) });
    await admin.call('secrets.set', { name: 'registry', base64: base64(`ana:${CANARY}:x`) });
    const deployed = await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
      secrets: [{ name: 'db', target: '/etc/db' }],
      registryAuth: 'registry',
    });
    const assignment = await waitFor('the assignment', () => node.assigned[0]);
    await waitFor('the container to run', async () => {
      const { status } = await admin.call('containers.get', { container: 'web' });
      return status === 'running';
    });

    expect(assignment).toMatchObject({
      secrets: [{ name: 'db', base64: base64(CANARY) }],
      registryAuth: { username: 'ana', password: `${CANARY}:x` },
    });
    const seen = JSON.stringify([
      set,
      deployed,
      await admin.call('secrets.list', {}),
      await admin.call('containers.get', { container: 'web' }),
      await admin.call('containers.history', { container: 'web' }),
      await admin.call('events.list', { after: '0', limit: 500 }),
      await admin.call('audit.list', { limit: 100 }),
      world.log,
    ]);
    const { rows } = await world.database.pool.query(
      `select * from secrets, containers, container_revisions, container_leases, audit_log, idempotency_keys`,
    );
    const stored = JSON.stringify(rows);
    for (const text of [CANARY, base64(CANARY).slice(0, 20)]) {
      expect(seen).not.toContain(text);
      expect(stored).not.toContain(text);
    }
  });

  it('is another value for containers that are made anew', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    await admin.call('secrets.set', { name: 'db', base64: base64('one') });
    const second = await admin.call('secrets.set', { name: 'db', base64: base64('two') });

    await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
      secrets: [{ name: 'db' }],
    });
    const assignment = await waitFor('the assignment', () => node.assigned[0]);

    expect(second.version).toBe(2);
    expect(assignment.secrets).toEqual([{ name: 'db', base64: base64('two') }]);
  });

  it('is not removed while a container uses it', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    await admin.call('secrets.set', { name: 'db', base64: base64('one') });
    const { id } = await admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
      secrets: [{ name: 'db' }],
    });

    const { secrets } = await admin.call('secrets.list', {});
    expect(secrets).toMatchObject([{ name: 'db', usedBy: [{ id, name: 'web' }] }]);
    await expect(admin.call('secrets.remove', { secret: 'db' })).rejects.toMatchObject({
      code: 'SECRET_IN_USE',
    });
    await admin.call('containers.remove', { container: 'web' });
    await waitFor('it to be gone', () => node.held.size === 0);
    expect((await admin.call('secrets.remove', { secret: 'db' })).name).toBe('db');
    await expect(admin.call('secrets.remove', { secret: 'db' })).rejects.toMatchObject({
      code: 'SECRET_NOT_FOUND',
    });
  });

  it('belongs to one member: others have their own of that name, and do not see it', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    const ana = await world.signedIn('ana');
    const ben = await world.signedIn('ben');
    const by = (token: string) => ({
      set: (value: string) =>
        world.ask('PUT', '/v1/secrets/db', { token, body: { base64: base64(value) } }),
      list: () => world.ask('GET', '/v1/secrets', { token }),
      remove: (ref: string) => world.ask('DELETE', `/v1/secrets/${ref}`, { token }),
      events: () => world.ask('GET', '/v1/events?after=0&limit=500', { token }),
    });
    await world.admin.call('nodes.update', { node: 'node-01', owner: 'ana' });

    const { body } = await by(ana.accessToken).set('of ana');
    const others = await by(ben.accessToken).list();
    const removal = await by(ben.accessToken).remove(body.id);
    const used = await world.ask('POST', '/v1/containers', {
      token: ben.accessToken,
      body: { name: 'web', image: 'app:1', secrets: [{ name: 'db' }], payFrom: 'node-01' },
    });
    await by(ben.accessToken).set('of ben');
    const { events } = (await by(ben.accessToken).events()).body;

    expect(others.body.secrets).toEqual([]);
    expect(removal.body).toMatchObject({ code: 'SECRET_NOT_FOUND' });
    expect(used.status).toBe(403);
    expect(events.filter((event: { type: string }) => event.type === 'secret.set')).toHaveLength(1);
    expect((await by(ana.accessToken).remove('db')).status).toBe(200);
    expect((await by(ben.accessToken).list()).body.secrets).toHaveLength(1);
    expect(node.held.size).toBe(0);
  });

  it('fits into what a node is told with all the others of its container, or is refused', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    const set = (name: string, bytes: number) =>
      admin.call('secrets.set', { name, base64: base64('x'.repeat(bytes)) });
    const deploy = (name: string, names: readonly string[], env = {}) =>
      admin.call('containers.deploy', {
        name,
        image: 'app:1',
        payFrom: 'node-01',
        secrets: names.map((one) => ({ name: one })),
        env,
      });
    const refused = { code: 'INPUT_INVALID', message: expect.stringContaining('together') };
    for (const name of ['a', 'b', 'c', 'd']) await set(name, name === 'd' ? 1_000 : 40_000);

    await expect(deploy('all', ['a', 'b', 'c'])).rejects.toMatchObject(refused);
    await expect(
      deploy('long', [], { A: 'x'.repeat(32_000), B: 'x'.repeat(32_768), C: 'x'.repeat(1_000) }),
    ).rejects.toMatchObject(refused);
    await deploy('web', ['a', 'b', 'd'], { A: 'x'.repeat(32_000), B: 'x'.repeat(32_000) });
    await waitFor('the assignment', () => node.assigned[0]);

    await expect(set('d', 40_000)).rejects.toMatchObject(refused);
    expect((await set('c', 65_536)).version).toBe(2);
  });

  it('is refused with the others of a container that are too long together, also when that is only planned', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    for (const name of ['one', 'two']) {
      await world.admin.call('secrets.set', { name, base64: base64('x'.repeat(60_000)) });
    }
    const request = {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
      secrets: [{ name: 'one' }, { name: 'two' }],
    };
    const tooLong = {
      code: 'INPUT_INVALID',
      message: 'The secrets of "web" are 120000 bytes together; a container has 114688 at most.',
    };

    await expect(world.admin.call('containers.plan', request)).rejects.toMatchObject(tooLong);
    await expect(world.admin.call('containers.deploy', request)).rejects.toMatchObject(tooLong);
    expect(node.held.size).toBe(0);
  });

  it('is refused when it is too long, or has the name of an id', async () => {
    await using world = await remoteWorld();
    const set = (name: string, value: string) =>
      world.admin.call('secrets.set', { name, base64: base64(value) });

    await expect(set('db', 'x'.repeat(65_537))).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(set('018f6e2a-0000-7000-8000-0000000000bb', 'x')).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
    expect((await set('db', 'x'.repeat(65_536))).version).toBe(1);
  });
});

// Goal: a safe default is given up only by those who may, and the log says so.
describe('a container that gives up safe defaults', () => {
  it('needs a permission for that, and is in the audit log with what it gave up', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    const ana = await world.signedIn('ana');
    await world.admin.call('nodes.update', { node: 'node-01', owner: 'ana' });
    const confinement = { writableRoot: true, capAdd: ['CHOWN', 'SETUID'] };
    const deploy = (body: object) =>
      world.ask('POST', '/v1/containers', {
        token: ana.accessToken,
        body: { name: 'web', image: 'nginx:1.27', ...body },
      });

    const refused = await deploy({ confinement });
    const bind = await deploy({ volumes: [{ source: '/srv', target: '/srv', readOnly: true }] });
    const user = await deploy({ confinement: { user: '1000' } });
    await waitFor('it to be there', () => node.held.size === 1);
    await world.admin.call('containers.update', { container: 'web', confinement });

    expect(refused.body).toMatchObject({
      code: 'PERMISSION_DENIED',
      detail: expect.stringContaining('capability CHOWN, capability SETUID, writable root'),
    });
    expect(bind.body.code).toBe('PERMISSION_DENIED');
    expect(user.status).toBe(201);
    const { entries } = await world.admin.call('audit.list', { limit: 100 });
    expect(entries.find(({ operation }) => operation === 'containers.update')).toMatchObject({
      outcome: 'ok',
      remark: 'unconfined: capability CHOWN, capability SETUID, writable root',
    });
    expect(
      entries.find(
        ({ operation, outcome }) => operation === 'containers.deploy' && outcome === 'ok',
      )?.remark,
    ).toBeUndefined();
  });

  it('is as it was allowed: its owner asks again for another program, unless that needs nothing', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    const ana = await world.signedIn('ana');
    const ask = (method: string, url: string, body: object) =>
      world.ask(method, url, { token: ana.accessToken, body });
    const change = (body: object) => ask('PATCH', '/v1/containers/web', body);
    await world.admin.call('nodes.update', { node: 'node-01', owner: 'ana' });
    await ask('POST', '/v1/containers', { name: 'web', image: 'app:1' });
    await waitFor('it to be there', () => node.held.size === 1);
    const confinement = { writableRoot: true };
    const allowed = await world.admin.call('containers.update', { container: 'web', confinement });

    const refused = [
      await change({ image: 'evil:1' }),
      await change({ command: ['sh'] }),
      await change({ env: { LD_PRELOAD: '/x' } }),
      await change({ pull: 'always' }),
      await change({ confinement: { user: '0' } }),
      await ask('PUT', '/v1/containers/web', { image: 'evil:1', confinement }),
    ];
    const labelled = await change({ labels: { site: 'attic' } });
    const safe = await ask('POST', '/v1/containers/web/rollback', { revision: 1 });
    const allowedOnce = await ask('POST', '/v1/containers/web/rollback', { revision: 2 });
    const other = await change({ image: 'app:2' });

    expect(allowed.revision).toBe(2);
    for (const { body } of [...refused, allowedOnce]) {
      expect(body).toMatchObject({
        code: 'PERMISSION_DENIED',
        detail: 'ana lacks containers:unconfined, which this needs: writable root.',
      });
    }
    expect(labelled.body).toMatchObject({ spec: { image: 'app:1', confinement } });
    expect([safe.status, other.status]).toEqual([200, 200]);
    expect(other.body.spec.confinement.writableRoot).toBe(false);
  });

  it('goes to an heir with the secrets that it names when its owner is removed, or keeps its owner', async () => {
    await using world = await remoteWorld();
    const { admin } = world;
    await using node = await worker(world, 'node-01');
    const ana = await world.signedIn('ana');
    await world.signedIn('ben');
    const ask = (method: string, url: string, body: object) =>
      world.ask(method, url, { token: ana.accessToken, body });
    await ask('PUT', '/v1/secrets/db', { base64: base64('one') });
    await ask('PUT', '/v1/secrets/own', { base64: base64('two') });
    await admin.call('nodes.update', { node: 'node-01', owner: 'ana' });
    await ask('POST', '/v1/containers', {
      name: 'web',
      image: 'app:1',
      secrets: [{ name: 'db' }],
    });
    await waitFor('it to be there', () => node.held.size === 1);
    await admin.call('nodes.update', { node: 'node-01', owner: 'ben' });

    await expect(admin.call('members.delete', { member: 'ana' })).rejects.toMatchObject({
      code: 'MEMBER_OWNS_NODES',
      message: expect.stringContaining('1 container'),
    });
    await admin.call('members.delete', { member: 'ana', transferTo: 'ben' });

    const { rows } = await world.database.pool.query(
      'select s.name, m.name as owner from secrets s join members m on m.id = s.owner_id',
    );
    expect(rows).toEqual([{ name: 'db', owner: 'ben' }]);
    expect(await admin.call('containers.get', { container: 'web' })).toMatchObject({
      owner: { name: 'ben' },
      status: 'running',
    });
  });

  it('goes to an heir also while its node tells of it', async () => {
    await using world = await remoteWorld();
    const { admin, database } = world;
    await using node = await worker(world, 'node-01');
    const ana = await world.signedIn('ana');
    await admin.call('nodes.update', { node: 'node-01', owner: 'ana' });
    const body = { name: 'web', image: 'app:1' };
    await world.ask('POST', '/v1/containers', { token: ana.accessToken, body });
    await waitFor('it to be there', () => node.held.size === 1);
    await waitFor('it to run', async () => {
      const { status } = await admin.call('containers.get', { container: 'web' });
      return status === 'running';
    });

    // As a report does: the container first, then the events that tell of it.
    const report = await database.pool.connect();
    try {
      await report.query(`begin; set local lock_timeout = '5s'`);
      await report.query('select from containers for update');
      const deleted = admin.call('members.delete', { member: 'ana', transferTo: ADMIN_NAME });
      await waitFor('the removal to wait for it', async () => {
        const { rows } = await database.pool.query(
          `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%from containers%' and datname = current_database()`,
        );
        return rows.length > 0;
      });
      await report.query(
        `select append_event('container.updated', 'container', id::text, '{}'::jsonb, null) from containers`,
      );
      await report.query('commit');

      await expect(deleted).resolves.toMatchObject({ transferredNodes: 1 });
    } finally {
      report.release(true);
    }
  });

  it('belongs to its owner: others see that it is there, and touch nothing', async () => {
    await using world = await remoteWorld();
    await using node = await worker(world, 'node-01');
    const ben = await world.signedIn('ben');
    await world.admin.call('containers.deploy', {
      name: 'web',
      image: 'app:1',
      payFrom: 'node-01',
    });
    await waitFor('it to be there', () => node.held.size === 1);
    const ask = (method: string, url: string, body?: object) =>
      world.ask(method, url, { token: ben.accessToken, ...(body ? { body } : {}) });

    const list = await ask('GET', '/v1/containers');
    const apply = await ask('PUT', '/v1/containers/web', { image: 'app:2' });

    expect(list.body.containers).toMatchObject([{ name: 'web', owner: { name: 'admin' } }]);
    expect(list.body.containers[0].spec).toBeUndefined();
    expect(apply.body.code).toBe('PERMISSION_DENIED');
    expect((await ask('GET', '/v1/containers/web')).body.code).toBe('PERMISSION_DENIED');
  });
});
