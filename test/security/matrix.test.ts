import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Operation } from '../../src/contract/operation.js';

import { registry } from '../../src/contract/registry.js';
import {
  type BuiltInRole,
  builtInRoles,
  isBuiltInRole,
} from '../../src/core/types/constants/roles.js';
import {
  type Answer,
  remoteWorld,
  type RemoteWorld,
  type SignedIn,
} from '../support/remote-world.js';

const roles = Object.keys(builtInRoles).filter(isBuiltInRole);
const operations = Object.values<Operation>(registry);

let world: RemoteWorld;
const people = new Map<string, SignedIn>();
const objects: Record<string, string> = {};

beforeAll(async () => {
  world = await remoteWorld({
    config: { 'limits.perSubjectPerMinute': '1000000', 'limits.perAddressPerMinute': '1000000' },
  });
  for (const role of [...roles, 'owner']) {
    const member = { roles: [role === 'owner' ? 'member' : role] };
    people.set(
      role,
      await world.signedIn(role === 'owner' ? role : `the-${role.replaceAll('_', '-')}`, member),
    );
  }
  const owner = people.get('owner');
  const { pool } = world.database;
  const node = await pool.query<{ id: string }>(
    `insert into nodes (name, status, owner_id) values ('node-01', 'provisioned', $1) returning id`,
    [owner?.id],
  );
  objects['node'] = node.rows[0]?.id ?? '';
  const operation = await pool.query<{ id: string }>(
    `insert into operations (id, kind, status, subject, member_id, created_at, updated_at, started_at, ended_at)
     values ($1, 'nodes.create', 'succeeded', 'owner', $2, now(), now(), now(), now()) returning id`,
    [randomUUID(), owner?.id],
  );
  objects['operation'] = operation.rows[0]?.id ?? '';
  const token = await world.ask('POST', '/v1/tokens', {
    token: owner?.accessToken,
    body: { name: 'ci', scopes: ['nodes:read'] },
  });
  objects['token'] = token.body.token.id;
  const nodeToken = await world.ask('POST', '/v1/node-tokens', {
    token: owner?.accessToken,
    body: {},
  });
  objects['nodeToken'] = nodeToken.body.nodeToken.id;
  const { rows } = await pool.query<{ id: string }>(
    `insert into containers (name, image, status, owner_id, payer_node_id) values ('web', 'app', 'pending', $1, $2) returning id`,
    [owner?.id, objects['node']],
  );
  objects['container'] = rows[0]?.id ?? '';
  await pool.query(
    `insert into container_revisions (container_id, revision, spec, spec_hash, created_by) values ($1, 1, '{"image":"app"}', '', 'owner')`,
    [objects['container']],
  );
  const secret = await world.ask('PUT', '/v1/secrets/key', {
    token: owner?.accessToken,
    body: { base64: 'aGlkZGVu' },
  });
  objects['secret'] = secret.body.id;
  objects['member'] = 'owner';
  objects['role'] = 'viewer';
});

afterAll(() => world[Symbol.asyncDispose]());

/** The request that an operation's route makes, naming the owner's objects, with a field that there is not: what is let in goes no further. */
async function call(operation: Operation, token: string | undefined): Promise<Answer> {
  const [method, template] = operation.http;
  const path = template.replaceAll(/:(\w+)/g, (_, field: string) => objects[field] ?? 'none');
  const hasBody = method !== 'GET' && method !== 'DELETE';
  return world.ask(method, hasBody ? path : `${path}?unknownField=1`, {
    token,
    ...(hasBody ? { body: { unknownField: true } } : {}),
  });
}

/** What a caller of this role is told: who is let in meets the field that there is not. */
function expected({ permission, hostBound }: Operation, role: BuiltInRole): string {
  const held: readonly string[] = builtInRoles[role].permissions;
  if (permission !== 'public' && !held.includes(permission)) return 'PERMISSION_DENIED';
  return hostBound ? 'CAPABILITY_MISSING' : 'INPUT_INVALID';
}

// Goal: the matrix is made from the registry, so that an operation that forgets who may call it fails here.
describe.each(operations.map((operation) => [operation.id, operation] as const))(
  '%s',
  (_, operation) => {
    it('says what it asks for', () => {
      expect(operation.permission).toBeTruthy();
    });

    it('is closed to whoever shows nothing, unless it is public', async () => {
      const { body } = await call(operation, undefined);

      expect(body.code).toBe(operation.permission === 'public' ? 'INPUT_INVALID' : 'AUTH_REQUIRED');
    });

    it.each(roles)('is open to %s just when the role says so', async (role) => {
      const { body } = await call(operation, people.get(role)?.accessToken);

      expect(body.code).toBe(expected(operation, role));
    });
  },
);

/** What the owner of an object may do to it, told apart from what others may. */
const acts: readonly (readonly [
  string,
  string,
  (id: string) => readonly [string, string, unknown],
])[] = [
  [
    'nodes.update',
    'PERMISSION_DENIED',
    (id) => ['PATCH', `/v1/nodes/${id}`, { description: 'mine' }],
  ],
  ['nodes.delete', 'PERMISSION_DENIED', (id) => ['DELETE', `/v1/nodes/${id}`, undefined]],
  ['nodes.restart', 'PERMISSION_DENIED', (id) => ['POST', `/v1/nodes/${id}/restart`, {}]],
  ['nodes.drain', 'PERMISSION_DENIED', (id) => ['POST', `/v1/nodes/${id}/drain`, {}]],
  ['nodes.undrain', 'PERMISSION_DENIED', (id) => ['POST', `/v1/nodes/${id}/undrain`, {}]],
  ['nodes.logs', 'PERMISSION_DENIED', (id) => ['GET', `/v1/nodes/${id}/logs`, undefined]],
  ['nodes.approve', 'PERMISSION_DENIED', (id) => ['POST', `/v1/nodes/${id}/approve`, {}]],
  ['nodes.reject', 'PERMISSION_DENIED', (id) => ['POST', `/v1/nodes/${id}/reject`, {}]],
  ['nodeTokens.revoke', 'TOKEN_NOT_FOUND', (id) => ['DELETE', `/v1/node-tokens/${id}`, undefined]],
  ['operations.get', 'OPERATION_NOT_FOUND', (id) => ['GET', `/v1/operations/${id}`, undefined]],
  ['operations.cancel', 'OPERATION_NOT_FOUND', (id) => ['POST', `/v1/operations/${id}/cancel`, {}]],
  ['tokens.revoke', 'TOKEN_NOT_FOUND', (id) => ['DELETE', `/v1/tokens/${id}`, undefined]],
  ...(
    [
      ['get', 'GET', ''],
      ['history', 'GET', '/revisions'],
      ['usage', 'GET', '/usage'],
      ['logs', 'GET', '/logs'],
      ['stats', 'GET', '/stats'],
      ['update', 'PATCH', '', { image: 'app:2' }],
      ['scale', 'POST', '/scale', { replicas: 2 }],
      ['start', 'POST', '/start', {}],
      ['stop', 'POST', '/stop', {}],
      ['restart', 'POST', '/restart', {}],
      ['remove', 'DELETE', ''],
      ['rollback', 'POST', '/rollback', {}],
      ['exec', 'POST', '/exec', { command: ['id'] }],
    ] as const
  ).map(
    ([verb, method, path, body]) =>
      [
        `containers.${verb}`,
        'PERMISSION_DENIED',
        (id: string) => [method, `/v1/containers/${id}${path}`, body] as const,
      ] as const,
  ),
  ['secrets.remove', 'SECRET_NOT_FOUND', (id) => ['DELETE', `/v1/secrets/${id}`, undefined]],
];

async function changeBy(role: string): Promise<Answer> {
  return world.ask('PATCH', `/v1/nodes/${objects['node']}`, {
    token: people.get(role)?.accessToken,
    body: { description: role },
  });
}

// Goal: one member's objects are not another's to touch (OWASP API1, broken object level authorization).
describe('an object of another member', () => {
  it.each(acts)('is not touched by %s', async (id, refusal, request) => {
    const operation = operations.find((candidate) => candidate.id === id);
    const [method, path, body] = request(objects[operation?.object?.kind ?? ''] ?? '');

    const other = await world.ask(method, path, {
      token: people.get('member')?.accessToken,
      ...(body === undefined ? {} : { body }),
    });

    expect(other.body.code).toBe(refusal);
  });

  it('is covered for every operation that names an owned object', () => {
    const named = operations
      .filter(({ object }) => object && !object.isNew)
      .filter(({ object }) =>
        ['node', 'nodeToken', 'operation', 'token', 'container', 'secret'].includes(
          object?.kind ?? '',
        ),
      )
      .map(({ id }) => id);

    expect(acts.map(([id]) => id).toSorted()).toEqual(named.toSorted());
  });

  it('is not in the lists of others', async () => {
    const token = people.get('member')?.accessToken;
    const lists = await Promise.all(
      ['/v1/operations', '/v1/tokens', '/v1/node-tokens'].map((path) =>
        world.ask('GET', path, { token }),
      ),
    );
    const asked = await world.ask('GET', '/v1/tokens?member=owner', { token });

    expect(
      lists.map(({ body }) => (body.operations ?? body.tokens ?? body.nodeTokens).length),
    ).toEqual([0, 0, 0]);
    expect(asked.body.code).toBe('PERMISSION_DENIED');
  });

  it('tells nobody else of its events', async () => {
    const follow = (role: string) =>
      world.ask('GET', '/v1/events?after=0&limit=500', { token: people.get(role)?.accessToken });
    const ownerId = people.get('owner')?.id;
    const concerns = (answer: Answer) =>
      answer.body.events.filter(
        (event: { type: string; object: { id: string } }) =>
          event.type.startsWith('token.') || event.object.id === ownerId,
      ).length;

    expect(concerns(await follow('member'))).toBe(0);
    expect(concerns(await follow('owner'))).toBeGreaterThan(0);
    expect(concerns(await follow('admin'))).toBeGreaterThan(0);
  });

  it('is its owner’s to change, and a manager’s', async () => {
    const answers = [
      await changeBy('owner'),
      await changeBy('node_manager'),
      await changeBy('admin'),
    ];

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});

// Goal: rights are passed on and never made.
describe('somebody who may write members', () => {
  it('gives nobody more than they have', async () => {
    await world.role('recruiter', ['members:write', 'members:read', 'self:read']);
    const { accessToken: token } = await world.signedIn('rita', { roles: ['recruiter'] });
    const make = (rolesOfNew: string[]) =>
      world.ask('POST', '/v1/members', {
        token,
        body: { name: `new-${randomUUID().slice(0, 8)}`, roles: rolesOfNew },
      });

    expect((await make(['recruiter'])).status).toBe(201);
    expect((await make(['admin'])).body.code).toBe('PERMISSION_DENIED');
    const raise = await world.ask('PATCH', '/v1/members/rita', {
      token,
      body: { roles: ['admin'] },
    });
    expect(raise.body.code).toBe('PERMISSION_DENIED');
    const takeOver = await world.ask('PATCH', '/v1/members/owner', {
      token,
      body: { invite: true },
    });
    expect(takeOver.body.code).toBe('PERMISSION_DENIED');
    const builtIn = await world.ask('PATCH', '/v1/members/admin', {
      token,
      body: { invite: true },
    });
    expect(builtIn.body.code).toBe('MEMBER_BUILT_IN');
  });
});
