import { afterEach, describe, expect, it, vi } from 'vitest';

import { PASSWORD, remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

// Goal: whoever is invited can sign in, stay signed in and sign out, on any daemon of the grid, and nobody else can.
describe('a session', () => {
  afterEach(() => void vi.useRealTimers());

  it('begins with an invitation, once, and afterwards with the password', async () => {
    await using world = await remoteWorld();
    const { invitation } = await world.admin.call('members.create', { name: 'ana' });
    const redeem = () =>
      world.ask('POST', '/v1/sessions', {
        body: { invitation: invitation?.secret, password: PASSWORD },
      });

    const first = await redeem();
    const second = await redeem();
    const byPassword = await world.ask('POST', '/v1/sessions', {
      body: { member: 'ana', password: PASSWORD },
    });

    expect([first.status, second.status, second.body.code]).toEqual([
      201,
      401,
      'INVITATION_INVALID',
    ]);
    expect(byPassword.body.member.name).toBe('ana');
    expect((await world.admin.call('members.get', { member: 'ana' })).status).toBe('active');
  });

  it('is refused alike for a wrong name, a wrong password and a disabled member', async () => {
    await using world = await remoteWorld();
    await world.signedIn('ana');
    await world.signedIn('bob');
    await world.admin.call('members.update', { member: 'bob', disabled: true });
    const answers = await Promise.all(
      [
        { member: 'ana', password: 'wrong horse battery' },
        { member: 'nobody', password: PASSWORD },
        { member: 'bob', password: PASSWORD },
        { member: 'admin', password: PASSWORD },
      ].map((body) => world.ask('POST', '/v1/sessions', { body })),
    );

    expect(answers.map(({ status, body }) => [status, body.code, body.detail])).toEqual(
      answers.map(() => [401, 'LOGIN_FAILED', 'This name and password do not sign in.']),
    );
  });

  it('says who it is, with claims that others can verify', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana', { roles: ['node_manager'] });
    const [header, payload] = ana.accessToken
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
    const jwks = await world.ask('GET', '/.well-known/jwks.json');
    const { createLocalJWKSet, jwtVerify } = await import('jose');

    const verified = await jwtVerify(ana.accessToken, createLocalJWKSet(jwks.body), {
      issuer: payload.iss,
      audience: 'syntropy-api',
    });

    expect(header).toMatchObject({ alg: 'RS256' });
    expect(verified.payload).toMatchObject({ sub: ana.id, roles: ['node_manager'] });
    expect(payload.permissions).toContain('nodes:write');
    expect(payload.exp - payload.iat).toBe(900);
    expect(payload.jti).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('takes its streams along when it ends', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    await using world = await remoteWorld();
    await world.role('reader', ['events:read', 'self:read']);
    const ana = await world.signedIn('ana', { roles: ['reader'] });
    const token = ana.accessToken;
    let text = '';
    const read = async () => {
      ({ body: text } = await world.ask('GET', '/v1/events/stream', { token }));
    };
    const reading = read();

    vi.advanceTimersByTime(15_000);
    await world.ask('DELETE', '/v1/sessions/current', { token });
    await waitFor('it to end', () => {
      vi.advanceTimersByTime(15_000);
      return text !== '';
    });

    await reading;
    expect(text).toContain('"code":"SESSION_ENDED"');
  });

  it('goes on with its refresh token on another daemon, and ends everywhere when one is used twice', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [one, two] = world.replicas;
    const ana = await world.signedIn('ana');
    const refreshed = await two?.ask('POST', '/v1/sessions/refresh', {
      body: { refreshToken: ana.refreshToken },
    });
    const stolen = await one?.ask('POST', '/v1/sessions/refresh', {
      body: { refreshToken: ana.refreshToken },
    });
    const after = await Promise.all(
      world.replicas.map((replica) =>
        replica.ask('GET', '/v1/sessions/current', { token: refreshed?.body.accessToken }),
      ),
    );
    const next = await one?.ask('POST', '/v1/sessions/refresh', {
      body: { refreshToken: refreshed?.body.refreshToken },
    });

    expect(refreshed?.status).toBe(200);
    expect([stolen?.status, stolen?.body.code, stolen?.body.details.reused]).toEqual([
      401,
      'SESSION_ENDED',
      true,
    ]);
    expect(after.map(({ status }) => status)).toEqual([401, 401]);
    expect(next?.body.code).toBe('SESSION_ENDED');
  });

  it('is refreshed by exactly one of many who try at once', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const ana = await world.signedIn('ana');

    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, n) =>
        world.replicas[n % 2]?.ask('POST', '/v1/sessions/refresh', {
          body: { refreshToken: ana.refreshToken },
        }),
      ),
    );

    expect(answers.filter((answer) => answer?.status === 200)).toHaveLength(1);
  });

  it('ends when its member signs out, is disabled or removed, on every daemon', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const [one, two] = world.replicas;
    const people = await Promise.all(['ana', 'bob', 'cleo'].map((name) => world.signedIn(name)));
    const [ana, bob, cleo] = people;
    // Every daemon believes each of them by now.
    for (const { accessToken: token } of people) {
      for (const replica of world.replicas) await replica.ask('GET', '/v1/nodes', { token });
    }

    await one?.ask('DELETE', '/v1/sessions/current', { token: ana?.accessToken });
    await world.admin.call('members.update', { member: 'bob', disabled: true });
    await world.admin.call('members.delete', { member: 'cleo' });

    for (const person of [ana, bob, cleo]) {
      const ended = await one?.ask('GET', '/v1/nodes', { token: person?.accessToken });
      expect(ended?.status).toBe(401);
      await expect
        .poll(
          async () => (await two?.ask('GET', '/v1/nodes', { token: person?.accessToken }))?.status,
        )
        .toBe(401);
    }
  });

  it('has new rights as soon as its member has another role', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const ana = await world.signedIn('ana', { roles: ['viewer'] });
    const invite = (n: number) =>
      world.replicas[n]?.ask('POST', '/v1/tokens', {
        token: ana.accessToken,
        body: { name: `ci-${n}`, scopes: ['nodes:read'] },
      });
    const before = await invite(0);

    await world.admin.call('members.update', { member: 'ana', roles: ['member'] });

    expect(before?.body.code).toBe('PERMISSION_DENIED');
    expect((await invite(0))?.status).toBe(201);
    await expect.poll(async () => (await invite(1))?.status).toBe(201);
  });

  it('holds while the signing key is rotated, until it expires', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const ana = await world.signedIn('ana');

    const { keys } = await world.admin.call('keys.rotate', {});
    const next = await world.replicas[1]?.ask('POST', '/v1/sessions', {
      body: { member: 'ana', password: PASSWORD },
    });

    expect(keys).toHaveLength(2);
    for (const token of [ana.accessToken, next?.body.accessToken]) {
      for (const replica of world.replicas) {
        expect((await replica.ask('GET', '/v1/nodes', { token })).status).toBe(200);
      }
    }
  });

  it('cannot be guessed: after ten failures the right password is refused too, with a time to wait', async () => {
    await using world = await remoteWorld();
    await world.signedIn('ana');
    const attempt = (password: string) =>
      world.ask('POST', '/v1/sessions', { body: { member: 'ana', password } });
    for (let n = 0; n < 10; n += 1) await attempt(`wrong password ${n}`);

    const answer = await attempt(PASSWORD);

    expect([answer.status, answer.body.code]).toEqual([429, 'RATE_LIMITED']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
});

// Goal: a pipeline has a token of its own that does what it is for, and no more, for as long as it is meant to.
describe('a personal access token', () => {
  it('does what its scopes say, as far as its member may', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    const made = await world.ask('POST', '/v1/tokens', {
      token: ana.accessToken,
      body: { name: 'ci', scopes: ['nodes:read'], ttlSeconds: 3600 },
    });
    const token = made.body.secret;

    expect((await world.ask('GET', '/v1/nodes', { token })).status).toBe(200);
    expect((await world.ask('GET', '/v1/operations', { token })).body.code).toBe(
      'PERMISSION_DENIED',
    );
    const tooMuch = await world.ask('POST', '/v1/tokens', {
      token: ana.accessToken,
      body: { name: 'root', scopes: ['daemon:admin'] },
    });
    expect(tooMuch.body.code).toBe('PERMISSION_DENIED');

    await world.admin.call('members.update', { member: 'ana', disabled: true });
    expect((await world.ask('GET', '/v1/nodes', { token })).status).toBe(401);
  });

  it('is refused once it is revoked, and its secret is told once', async () => {
    await using world = await remoteWorld({ replicas: 2 });
    const ana = await world.signedIn('ana');
    const make = () =>
      world.ask('POST', '/v1/tokens', {
        token: ana.accessToken,
        body: { name: 'ci', scopes: ['nodes:read'] },
        headers: { 'idempotency-key': 'once' },
      });
    const made = await make();
    const again = await make();
    const token = made.body.secret;
    await world.replicas[1]?.ask('GET', '/v1/nodes', { token });

    await world.ask('DELETE', `/v1/tokens/${made.body.token.id}`, { token: ana.accessToken });

    expect(again.body).toEqual({ token: made.body.token });
    await expect
      .poll(async () => (await world.replicas[1]?.ask('GET', '/v1/nodes', { token }))?.status)
      .toBe(401);
    const { rows } = await world.database.pool.query('select response::text from idempotency_keys');
    expect(JSON.stringify(rows)).not.toContain(token);
  });

  it('makes no other tokens', async () => {
    await using world = await remoteWorld();
    const { secret } = await world.admin.call('tokens.create', {
      name: 'ci',
      scopes: ['tokens:write', 'nodes:read'],
    });

    const answer = await world.ask('POST', '/v1/tokens', {
      token: secret,
      body: { name: 'more', scopes: ['nodes:read'] },
    });

    expect(answer.body.code).toBe('PERMISSION_DENIED');
  });
});
