import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { ensureIdentity } from '../../../src/agent/identity.js';
import { ensurePrivateDirectory } from '../../../src/core/storage/files/private-directory.js';
import { connectOnce, joinToken, requireToken, testAgent } from '../../support/agents.js';
import { testAuthority } from '../../support/certificates.js';
import { remoteWorld } from '../../support/remote-world.js';
import { scratchFolder } from '../../support/scratch.js';
import { waitFor } from '../../support/wait-for.js';

// Goal: a machine becomes a node with one token, once, and nobody else does.
describe('joining', () => {
  it('makes a node of the machine, which is online as soon as its agent runs', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();

    const joined = await agent.join(
      await joinToken(world, { labels: { room: 'attic' } }),
      'node-02',
    );
    const before = await world.admin.call('nodes.get', { node: 'node-02' });
    await agent.run();
    const node = await waitFor('the node to be online', async () => {
      const now = await world.admin.call('nodes.get', { node: 'node-02' });
      return now.status === 'online' ? now : undefined;
    });

    expect(joined.approval).toBe('approved');
    expect(before).toMatchObject({ status: 'joining', labels: { room: 'attic' } });
    expect(node.agent).toMatchObject({ version: '1.0.0', bootId: 'boot-1', source: '127.0.0.1' });
    expect(Math.abs(node.agent?.clockSkewMs ?? Infinity)).toBeLessThan(5_000);
  });

  it('spends a token once, whoever asks at the same time', async () => {
    await using world = await remoteWorld();
    await using home = await testAgent();
    const token = await joinToken(world);
    const identities = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const directory = `${home.home}/${n}`;
        await ensurePrivateDirectory(directory);
        return ensureIdentity(directory);
      }),
    );

    const outcomes = await Promise.allSettled(
      identities.map((identity, n) => home.join(token, `node-${n}`, { identity })),
    );

    const codes = outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? 'joined' : String(outcome.reason.code),
    );
    expect(codes.filter((code) => code === 'joined')).toHaveLength(1);
    expect(codes.filter((code) => code === 'JOIN_TOKEN_SPENT')).toHaveLength(49);
    expect((await world.admin.call('nodes.list', {})).nodes).toHaveLength(1);
  });

  it('gives the same machine the same answer when the first was lost', async () => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    const token = await joinToken(world);

    const first = await agent.join(token, 'node-02');
    const second = await agent.join(token, 'node-02');

    expect(second.membership.node).toEqual(first.membership.node);
  });

  it.each([
    ['JOIN_TOKEN_REVOKED', 'update join_tokens set revoked_at = now()'],
    ['JOIN_TOKEN_EXPIRED', "update join_tokens set expires_at = now() - interval '1 second'"],
    ['JOIN_TOKEN_SPENT', 'update join_tokens set uses_left = 0'],
    ['JOIN_TOKEN_INVALID', 'delete from join_tokens'],
  ])('is refused with %s, and nothing is made', async (code, change) => {
    await using world = await remoteWorld();
    await using agent = await testAgent();
    const token = await joinToken(world);
    await world.database.pool.query(change);

    await expect(agent.join(token, 'node-02')).rejects.toMatchObject({ code });
    expect((await world.admin.call('nodes.list', {})).nodes).toEqual([]);
    expect(await agent.files.membership()).toBeUndefined();
  });

  it('may be by a token without an address, and whoever makes it is told when nobody would find the daemon', async () => {
    await using world = await remoteWorld();
    const made = await world.admin.call('nodeTokens.create', { discover: true });
    const both = world.admin.call('nodeTokens.create', { discover: true, daemonUrl: world.url });

    expect(requireToken(made.token ?? '').url).toBeUndefined();
    expect(made.warnings).toEqual([expect.stringContaining('does not announce itself')]);
    await expect(both).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('does not spend the token when the name is taken', async () => {
    await using world = await remoteWorld();
    await using first = await testAgent();
    await using second = await testAgent();
    await first.join(await joinToken(world), 'node-02');
    const token = await joinToken(world);

    await expect(second.join(token, 'node-02')).rejects.toMatchObject({ code: 'NODE_NAME_TAKEN' });
    expect((await second.join(token, 'node-03')).membership.node.name).toBe('node-03');
  });

  it('knows its daemon behind an operator’s certificate, too', async () => {
    const authority = await testAuthority();
    const { certificate, key } = await authority.issue(['127.0.0.1']);
    await using home = await scratchFolder();
    await writeFile(home.file('cert.pem'), certificate);
    await writeFile(home.file('key.pem'), key);
    await using world = await remoteWorld({
      config: { 'api.tlsCert': home.file('cert.pem'), 'api.tlsKey': home.file('key.pem') },
    });
    await using agent = await testAgent();

    await agent.join(await joinToken(world), 'node-02');
    await using running = await connectOnce(agent);

    expect(running.code).toBe('welcome');
  });

  it('trusts no daemon but the one that made the token', async () => {
    await using world = await remoteWorld();
    await using other = await remoteWorld();
    await using agent = await testAgent();
    const { token } = await world.admin.call('nodeTokens.create', { daemonUrl: other.url });

    await expect(agent.join(token ?? '', 'node-02')).rejects.toMatchObject({
      code: 'SERVER_UNTRUSTED',
    });
  });
});
