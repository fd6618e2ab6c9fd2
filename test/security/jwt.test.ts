import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
} from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';

import { KeyRepository } from '../../src/core/storage/postgres/key.repository.js';
import { TokenKeys } from '../../src/daemon/auth/token-keys.js';
import { makeTokenKey } from '../../src/daemon/auth/grid-keys.js';
import { remoteWorld, type RemoteWorld } from '../support/remote-world.js';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What a forger needs: a real session's claims and, for the tests that say so, the grid's own key. */
async function forge() {
  const world = await remoteWorld();
  const ana = await world.signedIn('ana');
  const [head = '', body = ''] = ana.accessToken.split('.');
  const header = JSON.parse(Buffer.from(head, 'base64url').toString());
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  const keys = new TokenKeys(
    new KeyRepository(world.database.db, Buffer.alloc(32, 7)),
    makeTokenKey,
  );
  const { key } = await keys.signing();
  return {
    world,
    ana,
    header,
    claims,
    key,
    sign: (change: Record<string, unknown>, head2: Record<string, unknown> = {}, by = key) =>
      new SignJWT(without({ ...claims, ...change }))
        .setProtectedHeader({ ...header, ...head2 })
        .sign(by),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

function without(claims: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}

async function refusal(world: RemoteWorld, token: string): Promise<readonly unknown[]> {
  const { status, body } = await world.ask('GET', '/v1/nodes', { token });
  return [status, body.code];
}

const now = () => Math.floor(Date.now() / 1000);
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

type Forger = Awaited<ReturnType<typeof forge>>;

// Goal: nothing but a token that this grid signed, for this API, for a session that is open, is ever believed.
describe('a JWT', () => {
  it.each<[string, (by: Forger) => Promise<string> | string]>([
    [
      'without a signature',
      ({ header, claims }) => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`,
    ],
    [
      'of "none" in other letters',
      ({ header, claims }) => `${encode({ ...header, alg: 'nOnE' })}.${encode(claims)}.`,
    ],
    [
      'signed with the public key as an HMAC secret',
      ({ header, claims, key }) => hmac(header, claims, key),
    ],
    ['signed by a stranger’s key', ({ sign }) => sign({}, {}, stranger.privateKey)],
    [
      'with the stranger’s key in its header',
      async ({ sign }) =>
        sign({}, { jwk: await exportJWK(stranger.publicKey) }, stranger.privateKey),
    ],
    [
      'with a key to be fetched',
      ({ sign }) => sign({}, { jku: 'https://evil.example/jwks' }, stranger.privateKey),
    ],
    [
      'with a certificate of its own',
      ({ sign }) => sign({}, { x5c: ['MIIB'] }, stranger.privateKey),
    ],
    ['with a path for a key id', ({ sign }) => sign({}, { kid: '../../../../dev/null' })],
    ['with SQL for a key id', ({ sign }) => sign({}, { kid: `x' or '1'='1` })],
    ['with a name of every object for a key id', ({ sign }) => sign({}, { kid: '__proto__' })],
    ['without a key id', ({ sign }) => sign({}, { kid: undefined })],
    ['for another audience', ({ sign }) => sign({ aud: 'another-api' })],
    ['without an audience', ({ sign }) => sign({ aud: undefined })],
    ['of another grid', ({ sign }) => sign({ iss: 'urn:syntropy:grid:0' })],
    ['without an issuer', ({ sign }) => sign({ iss: undefined })],
    ['that has expired', ({ sign }) => sign({ iat: now() - 1000, exp: now() - 60 })],
    ['that never expires', ({ sign }) => sign({ exp: undefined })],
    ['that lives for a year', ({ sign }) => sign({ iat: now() - 86_400, exp: now() + 31_536_000 })],
    ['that begins in the future', ({ sign }) => sign({ nbf: now() + 3600 })],
    ['without an id', ({ sign }) => sign({ jti: undefined })],
    ['without a subject', ({ sign }) => sign({ sub: undefined })],
    ['without a session', ({ sign }) => sign({ sid: undefined })],
    [
      'of no session that there is',
      ({ sign }) => sign({ sid: '018f6e2a-0000-7000-8000-000000000001' }),
    ],
    ['of another type', ({ sign }) => sign({}, { typ: 'JWT' })],
    [
      'with an extension that must be understood',
      ({ header, claims, key }) => signed({ ...header, crit: ['x'], x: 1 }, claims, key),
    ],
  ])('%s is refused', async (_, make) => {
    await using forger = await forge();

    const [status] = await refusal(forger.world, await make(forger));

    expect(status).toBe(401);
  });

  it('of another member’s session is refused', async () => {
    await using forger = await forge();
    const bob = await forger.world.signedIn('bob', { roles: ['admin'] });

    const token = await forger.sign({ sub: bob.id });

    expect(await refusal(forger.world, token)).toEqual([401, 'SESSION_ENDED']);
  });

  it('gets no more than its member may, whatever it claims', async () => {
    await using forger = await forge();

    const token = await forger.sign({ roles: ['admin'], permissions: ['members:write'] });
    const { body } = await forger.world.ask('POST', '/v1/members', {
      token,
      body: { name: 'eve' },
    });

    expect(body.code).toBe('PERMISSION_DENIED');
  });

  it('that was believed is refused after its session has ended', async () => {
    await using forger = await forge();
    const { world, ana } = forger;
    expect(await refusal(world, ana.accessToken)).toEqual([200, undefined]);

    await world.ask('DELETE', '/v1/sessions/current', { token: ana.accessToken });

    expect(await refusal(world, ana.accessToken)).toEqual([401, 'SESSION_ENDED']);
  });

  it('that was believed is refused once it has expired', async () => {
    await using forger = await forge();
    // The tolerance for clocks is five seconds; believed once, it is kept no longer than it lives.
    const token = await forger.sign({ iat: now() - 896, exp: now() + 1 });
    expect(await refusal(forger.world, token)).toEqual([200, undefined]);

    await expect
      .poll(async () => (await refusal(forger.world, token))[0], { timeout: 15_000, interval: 250 })
      .toBe(401);
  });

  it.each(['', 'Basic YTpi', 'Bearer', 'Bearer a b', `Bearer ${'x'.repeat(9_000)}`, 'bearer\tx'])(
    'is not what the header %j carries',
    async (authorization) => {
      await using world = await remoteWorld();

      const { status, body } = await world.ask('GET', '/v1/nodes', { headers: { authorization } });

      expect([status, body.code]).toEqual([401, 'TOKEN_INVALID']);
    },
  );
});

/** By hand: what jose would refuse to make. */
function signed(header: object, claims: object, key: KeyObject): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${signBytes('sha256', Buffer.from(text), key).toString('base64url')}`;
}

function hmac(header: object, claims: object, key: KeyObject): string {
  const pem = createPublicKey(key).export({ type: 'spki', format: 'pem' });
  const text = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`;
}
