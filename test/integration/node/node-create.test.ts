import { createHash } from 'node:crypto';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import type { OperationInput } from '../../../src/contract/registry.js';

import { requireToken } from '../../support/agents.js';
import { type DaemonWorld, daemonWorld } from '../../support/daemon-world.js';
import { waitFor } from '../../support/wait-for.js';

type CreateInput = OperationInput<'nodes.create'>;

const UUID = /^[0-9a-f-]{36}$/;

function anImage(world: DaemonWorld, over: Partial<CreateInput> = {}): CreateInput {
  return { name: 'node-01', target: { output: path.join(world.home, 'node-01.img') }, ...over };
}

async function endOf(world: DaemonWorld, operation: string) {
  return waitFor('the operation to end', async () => {
    const record = await world.client.call('operations.get', { operation });
    return record.endedAt === undefined ? undefined : record;
  });
}

/** Codes of the calls that were refused. */
function codesOf(replies: readonly PromiseSettledResult<unknown>[]): readonly string[] {
  return replies.flatMap((reply) =>
    reply.status === 'rejected' ? [String(reply.reason.code)] : [],
  );
}

async function created(world: DaemonWorld, input: CreateInput) {
  const { operation } = await world.client.call('nodes.create', input);
  return endOf(world, operation.id);
}

// Goal: a stick makes a node, and a failure leaves a record that says what happened and can be repeated.
describe('node create', () => {
  it('writes and verifies the seed with an identity, and keeps how it went', async () => {
    await using world = await daemonWorld();

    const end = await created(world, anImage(world, { labels: { room: 'attic' } }));

    expect(end).toMatchObject({ status: 'succeeded', result: { targetState: 'verified' } });
    expect(await world.client.call('nodes.get', { node: 'node-01' })).toMatchObject({
      id: expect.stringMatching(UUID),
      status: 'provisioned',
      labels: { room: 'attic' },
      provisioning: { verified: true, identityWritten: true, imageBytes: 16 << 20 },
    });
    const image = await readFile(path.join(world.home, 'node-01.img'));
    expect(image.includes('SYNTROPY_NAME=node-01\n')).toBe(true);
    expect(image.includes('#cloud-config\nhostname: "node-01"\n')).toBe(true);
  });

  it('puts a token on the stick of which only the hash is stored', async () => {
    await using world = await daemonWorld();

    await created(world, anImage(world));

    const image = await readFile(path.join(world.home, 'node-01.img'), 'latin1');
    const token = /SYNTROPY_JOIN_TOKEN=([\w.-]+)/.exec(image)?.[1] ?? '';
    const { secret } = requireToken(token);
    const hash = createHash('sha256').update(secret).digest();
    const { rows } = await world.database.pool.query(
      'select token_hash, uses_left, reusable, expires_at - created_at as ttl from join_tokens',
    );
    expect(rows).toEqual([
      {
        token_hash: hash,
        uses_left: 1,
        reusable: false,
        ttl: expect.objectContaining({ days: 7 }),
      },
    ]);
    const everything = await world.database.pool.query(
      `select (select json_agg(n) from nodes n)::text || (select json_agg(o) from operations o)::text
        || (select json_agg(e) from events e)::text as text`,
    );
    expect(everything.rows[0].text).not.toContain(secret);
    expect(everything.rows[0].text).not.toContain(token);
  });

  it('writes an image byte for byte when no identity is asked for', async () => {
    await using world = await daemonWorld();
    const image = await world.randomFile('a.img', 9_000_001);
    await writeFile(`${image}.gz`, gzipSync(await readFile(image), { level: 1 }));

    const end = await created(world, anImage(world, { image: `${image}.gz`, config: false }));

    expect(end.status).toBe('succeeded');
    expect(await readFile(path.join(world.home, 'node-01.img'))).toEqual(await readFile(image));
  });

  it('goes on with the same node after a failure, and revokes the earlier token', async () => {
    await using world = await daemonWorld();
    const good = await world.randomFile('good.img', 3 << 20);
    const packed = gzipSync(await readFile(good), { level: 1 });
    await writeFile(`${good}.gz`, packed.subarray(0, packed.length - 5));

    const first = await created(world, anImage(world, { image: `${good}.gz`, config: false }));
    const failed = await world.client.call('nodes.get', { node: 'node-01' });
    const plan = await world.client.call('nodes.plan', anImage(world));
    const second = await created(world, anImage(world));

    expect(first).toMatchObject({
      status: 'failed',
      error: { code: 'IMAGE_CORRUPT', details: { targetState: 'removed' } },
    });
    expect(failed).toMatchObject({ status: 'failed', statusReason: /IMAGE_CORRUPT/ });
    expect(plan.action).toBe('retry');
    expect(second).toMatchObject({ status: 'succeeded', node: { id: failed.id } });
    expect((await readdir(world.home)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('makes one node when ten callers send the same key at once', async () => {
    await using world = await daemonWorld();
    const send = () =>
      world.client.call('nodes.create', anImage(world), { idempotencyKey: 'stick-1' });

    const replies = await Promise.allSettled(Array.from({ length: 10 }, send));
    const again = await send();

    const made = replies.flatMap((reply) =>
      reply.status === 'fulfilled' ? [reply.value.node.id] : [],
    );
    expect(new Set([...made, again.node.id]).size).toBe(1);
    expect(codesOf(replies).filter((code) => code !== 'IDEMPOTENCY_IN_PROGRESS')).toEqual([]);
    await endOf(world, again.operation.id);
    await expect(
      world.client.call('nodes.create', anImage(world, { name: 'other' }), {
        idempotencyKey: 'stick-1',
      }),
    ).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
  });

  it('lets one of two callers have a name', async () => {
    await using world = await daemonWorld();
    const into = (file: string) =>
      world.client.call(
        'nodes.create',
        anImage(world, { target: { output: path.join(world.home, file) } }),
      );

    const replies = await Promise.allSettled([into('a.img'), into('b.img'), into('c.img')]);

    expect(replies.filter((reply) => reply.status === 'fulfilled')).toHaveLength(1);
    const refused = codesOf(replies).filter(
      (code) => code !== 'NODE_NAME_TAKEN' && code !== 'NODE_BUSY',
    );
    expect(refused).toEqual([]);
  });

  it('records an operation that the daemon cuts off, and the next daemon finds nothing running', async () => {
    await using world = await daemonWorld();
    const image = await world.randomFile('big.img', 64 << 20);
    const { operation } = await world.client.call(
      'nodes.create',
      anImage(world, { image, config: false }),
    );

    await world.restart();

    const end = await world.client.call('operations.get', { operation: operation.id });
    expect(['interrupted', 'succeeded']).toContain(end.status);
    expect(world.interrupted).toBe(0);
  });
});

// Goal: what is wrong is told before anything is written or registered.
describe('node create refuses', () => {
  const refusals: [
    string,
    Partial<CreateInput> | ((world: DaemonWorld) => Promise<Partial<CreateInput>>),
    string,
  ][] = [
    ['a name that is no DNS label', { name: 'Node_1' }, 'NAME_INVALID'],
    ['a name shaped like an id', { name: '0198c0de-0000-7000-8000-000000000001' }, 'NAME_INVALID'],
    ['a device that is not there', { target: { device: '/dev/nope' } }, 'DEVICE_NOT_FOUND'],
    ['a device that is not a disk', { target: { device: '/dev/null' } }, 'DEVICE_NOT_BLOCK'],
    ['a file as a device', { target: { device: '/etc/hostname' } }, 'DEVICE_NOT_BLOCK'],
    ['an image that is not there', { image: '/nope.img' }, 'IMAGE_NOT_FOUND'],
    ['a folder as an image', { image: '/etc' }, 'IMAGE_NOT_FOUND'],
    ['a relative path', { image: 'a.img' }, 'INPUT_INVALID'],
    ['a device as an output', { target: { output: '/dev/null' } }, 'INPUT_INVALID'],
    ['an output in no folder', { target: { output: '/nope/a.img' } }, 'FILE_NOT_FOUND'],
    ['an address that is none', { daemonUrl: 'ftp://x' }, 'INPUT_INVALID'],
    ['a private key', { sshKeys: ['-----BEGIN OPENSSH PRIVATE KEY-----'] }, 'INPUT_INVALID'],
    ['a wrong checksum', { sha256: 'ab'.repeat(32) }, 'IMAGE_CHECKSUM_MISMATCH'],
    [
      'an empty image',
      async (world) => {
        const image = path.join(world.home, 'empty.img');
        await writeFile(image, '');
        return { image };
      },
      'IMAGE_EMPTY',
    ],
    [
      'an image in a container that it does not know',
      async (world) => {
        const image = path.join(world.home, 'a.img');
        await writeFile(image, Buffer.from('377abcaf271c0004', 'hex'));
        return { image };
      },
      'IMAGE_UNSUPPORTED',
    ],
    [
      'an image without CIDATA',
      async (world) => ({ image: await world.randomFile('a.img', 4096) }),
      'IMAGE_WITHOUT_CIDATA',
    ],
    [
      'a packed image without CIDATA',
      async (world) => {
        const image = path.join(world.home, 'a.img.gz');
        await writeFile(image, gzipSync(Buffer.alloc(1 << 20)));
        return { image };
      },
      'IMAGE_WITHOUT_CIDATA',
    ],
    [
      'an output that exists',
      async (world) => {
        const output = path.join(world.home, 'there.img');
        await writeFile(output, 'mine');
        await chmod(output, 0o600);
        return { target: { output } };
      },
      'OUTPUT_EXISTS',
    ],
  ];

  it.each(refusals)('%s', async (_, change, code) => {
    await using world = await daemonWorld();
    const input = anImage(world, typeof change === 'function' ? await change(world) : change);
    const before = await readdir(world.home);

    await expect(world.client.call('nodes.plan', input)).rejects.toMatchObject({ code });
    await expect(world.client.call('nodes.create', input)).rejects.toMatchObject({ code });

    expect(await readdir(world.home)).toEqual(before);
    const { rows } = await world.database.pool.query(
      'select (select count(*) from nodes) + (select count(*) from operations) + (select count(*) from events) as n',
    );
    expect(rows).toEqual([{ n: '0' }]);
  });
});
