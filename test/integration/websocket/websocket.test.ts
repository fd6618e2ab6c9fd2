import { describe, expect, it } from 'vitest';

import { remoteWorld } from '../../support/remote-world.js';
import { upgradeRefusal, wsClient } from '../../support/ws-client.js';

// Goal: a WebSocket does what REST does, by the same rules, and hears of what happens.
describe('a WebSocket', () => {
  it('is authenticated by its header or by its first frame', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    await using byHeader = await wsClient(world, { token: ana.accessToken });
    await using byFrame = await wsClient(world);
    const before = await byFrame.call('nodes.list');
    byFrame.send({ auth: { token: ana.accessToken } });
    const ready = await byFrame.frame('ready', (frame) => 'ready' in frame);

    expect(before).toMatchObject({ error: { code: 'AUTH_REQUIRED' } });
    expect(ready).toMatchObject({ ready: { apiVersion: '1.4', member: { name: 'ana' } } });
    for (const client of [byHeader, byFrame]) {
      expect(await client.call('nodes.list')).toMatchObject({ output: { nodes: [] } });
    }
  });

  it('answers with the same refusals as REST', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    await using client = await wsClient(world, { token: ana.accessToken });

    expect(await client.call('members.create', { name: 'x' })).toMatchObject({
      error: { code: 'PERMISSION_DENIED', status: 403, hint: expect.any(String) },
    });
    expect(await client.call('nodes.get', { node: 'nope' })).toMatchObject({
      error: { code: 'NODE_NOT_FOUND' },
    });
    expect(await client.call('nodes.get', { node: 'n', extra: 1 })).toMatchObject({
      error: { code: 'INPUT_INVALID' },
    });
    expect(await client.call('drives.list')).toMatchObject({
      error: { code: 'PERMISSION_DENIED' },
    });
    expect(await client.call('nodes.explode')).toMatchObject({
      error: { code: 'ROUTE_NOT_FOUND' },
    });
  });

  it('honours an idempotency key', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    await using client = await wsClient(world, { token: ana.accessToken });
    const make = () =>
      client.call('tokens.create', { name: 'ci', scopes: ['nodes:read'] }, { idempotencyKey: 'k' });

    const first = await make();
    const second = await make();

    expect(first).toMatchObject({ output: { token: { name: 'ci' }, secret: expect.any(String) } });
    expect(second).toMatchObject({ output: { token: { name: 'ci' } } });
  });

  it('goes on where another daemon left off, without loss or doubles', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const ana = await world.signedIn('ana', { roles: ['admin'] });
    const [one, two] = world.replicas;
    const cursor = (await world.admin.call('events.list', {})).cursor;
    await using first = await wsClient(one ?? world, { token: ana.accessToken });
    first.send({ id: 's', subscribe: 'events.follow', input: { after: cursor, type: 'role.*' } });
    for (let n = 0; n < 5; n += 1) await world.role(`role_${n}`, ['nodes:read']);
    await first.frame('five events', () => first.items('s').length === 5);
    const last = first.items('s').at(-1)?.cursor;
    first.socket.terminate();
    for (let n = 5; n < 10; n += 1) await world.role(`role_${n}`, ['nodes:read']);

    await using second = await wsClient(two ?? world, { token: ana.accessToken });
    second.send({ id: 's', subscribe: 'events.follow', input: { after: last, type: 'role.*' } });
    await second.frame('five more', () => second.items('s').length === 5);
    const seen = [...first.items('s'), ...second.items('s')].map((event) => BigInt(event.cursor));

    expect(new Set(seen).size).toBe(10);
    expect(seen).toEqual(seen.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  it('says how to resync when a cursor is too old', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    await world.database.pool.query(
      'delete from events; update events_pruned set cursor = 1000000',
    );
    await using client = await wsClient(world, { token: ana.accessToken });

    client.send({ id: 's', subscribe: 'events.follow', input: { after: '3' } });

    expect(await client.frame('a refusal', ({ id }) => id === 's')).toMatchObject({
      error: { code: 'CURSOR_EXPIRED', status: 410, details: { oldestCursor: '1000000' } },
    });
  });

  it('is closed with a cursor when its daemon stops', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const ana = await world.signedIn('ana', { roles: ['admin'] });
    const two = world.replicas[1] ?? world;
    await using client = await wsClient(two, { token: ana.accessToken });
    client.send({ id: 's', subscribe: 'events.follow', input: { type: 'role.*' } });
    await client.frame('the subscription', (frame) => frame['subscribed'] === true);
    await world.role('one', ['nodes:read']);
    await client.frame('an event', () => client.items('s').length === 1);
    const { cursor } = client.items('s')[0] ?? {};

    await two.stop();

    expect(await client.closed()).toEqual({ code: 1012, reason: { reason: 'stopping', cursor } });
    expect(client.frames).toContainEqual({ id: 's', end: { reason: 'stopping', cursor } });
  });

  it('ends when its session does', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    await using client = await wsClient(world, { token: ana.accessToken });
    await client.call('nodes.list');

    await world.admin.call('members.update', { member: 'ana', disabled: true });
    client.send({ id: 'late', call: 'nodes.list', input: {} });

    expect(await client.closed()).toMatchObject({ code: 4401, reason: { reason: 'revoked' } });
  });

  it('stays open for a token that lives longer than a timer can count', async () => {
    await using world = await remoteWorld();
    const { secret } = await world.admin.call('tokens.create', {
      name: 'year',
      scopes: ['nodes:read', 'events:read'],
      ttlSeconds: 31_536_000,
    });
    await using client = await wsClient(world, { token: secret });
    client.send({ id: 's', subscribe: 'events.follow', input: {} });
    await client.frame('the subscription', (frame) => frame['subscribed'] === true);

    for (let n = 0; n < 5; n += 1) {
      expect(await client.call('nodes.list')).toMatchObject({ output: { nodes: [] } });
    }
  });

  it('refuses to become another member', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    const bob = await world.signedIn('bob', { roles: ['admin'] });
    await using client = await wsClient(world, { token: ana.accessToken });

    client.send({ auth: { token: bob.accessToken } });

    expect(await client.closed()).toMatchObject({ code: 4401 });
  });

  it('is bounded in frames, calls and subscriptions', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    await using big = await wsClient(world, { token: ana.accessToken });
    big.socket.send('x'.repeat(70_000));
    await using bad = await wsClient(world, { token: ana.accessToken });
    for (let n = 0; n < 10; n += 1) bad.socket.send('nonsense');
    await using many = await wsClient(world, { token: ana.accessToken });
    for (let n = 0; n < 17; n += 1)
      many.send({ id: `s${n}`, subscribe: 'events.follow', input: {} });

    expect(await big.closed()).toMatchObject({ code: 1009 });
    expect(await bad.closed()).toMatchObject({ code: 1008, reason: { reason: 'bad_frames' } });
    expect(await many.frame('a refusal', ({ id }) => id === 's16')).toMatchObject({
      error: { code: 'LIMIT_REACHED' },
    });
  });

  it('counts against the same limit as REST', async () => {
    await using world = await remoteWorld({ config: { 'limits.perSubjectPerMinute': '20' } });
    const ana = await world.signedIn('ana');
    await using client = await wsClient(world, { token: ana.accessToken });
    const answers = [];
    for (let n = 0; n < 21; n += 1) answers.push(await client.call('nodes.list'));

    expect(answers.filter((answer) => 'output' in answer)).toHaveLength(20);
    expect(answers.at(-1)).toMatchObject({ error: { code: 'RATE_LIMITED' } });
    expect((await world.ask('GET', '/v1/nodes', { token: ana.accessToken })).status).toBe(429);
  });

  it('is not opened to pages of browsers, other names, bad tokens or other paths', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    const { accessToken: token } = ana;

    expect(await upgradeRefusal(world, { token, origin: 'https://evil.example' })).toBe(403);
    expect(await upgradeRefusal(world, { token, host: 'evil.example' })).toBe(403);
    expect(await upgradeRefusal(world, { token: `${token}x` })).toBe(401);
    expect(await upgradeRefusal(world, { token, path: '/v1/other' })).toBe(404);
    expect(await upgradeRefusal(world, { token })).toBeUndefined();
  });
});
