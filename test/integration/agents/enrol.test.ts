import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { enrol } from '../../../src/agent/installation/enrol.js';
import { fetchFiles, fetchManifest } from '../../../src/agent/release/fetch.js';
import { ReleaseHome } from '../../../src/agent/release/home.js';
import { encodeJoinToken } from '../../../src/contract/agent/join-token.js';
import { releaseFolder } from '../../support/agent-releases.js';
import { joinToken, requireToken, testAgent } from '../../support/agents.js';
import { testAuthority } from '../../support/certificates.js';
import { remoteWorld } from '../../support/remote-world.js';
import { scratchFolder } from '../../support/scratch.js';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A machine on which enrol.sh has done its part: what was fetched, and what was on the stick. */
async function enrolWorld() {
  const stack = new AsyncDisposableStack();
  const releases = stack.use(await releaseFolder());
  await releases.add('9.9.9', { node: 'the runtime', agent: 'the agent' });
  const world = stack.use(await remoteWorld({ config: { 'agents.releases': releases.path } }));
  const agent = stack.use(await testAgent());
  const { membership } = await agent.join(await joinToken(world), 'node-01');
  const scratch = stack.use(await scratchFolder());
  const [fetched, seed] = [scratch.file('fetched'), scratch.file('seed')];
  for (const folder of [fetched, seed]) await mkdir(folder);
  const { signal } = new AbortController();
  const source = { url: new URL(membership.url), caCertificate: membership.caCertificate, signal };
  const { text: manifest, release } = await fetchManifest(source, '9.9.9', 'linux-x64');
  await fetchFiles(source, release.files, fetched, scratch.file('nothing'));
  await writeFile(path.join(fetched, 'manifest'), manifest);
  const { caSha256, secret } = requireToken(await joinToken(world));
  const token = encodeJoinToken({ caSha256, secret });
  const env = (nodeId: string) =>
    writeFile(
      path.join(seed, 'join.env'),
      `SYNTROPY_NODE_ID=${nodeId}\nSYNTROPY_JOIN_TOKEN=${token}\n`,
    );
  await env(membership.node.id);
  const installed: string[] = [];
  return {
    fetched,
    seed,
    env,
    token,
    installed,
    enrol: (over: { readonly platform?: string } = {}) =>
      enrol({
        home: new ReleaseHome(scratch.file('home')),
        files: agent.files,
        stateDir: agent.home,
        mayRestart: true,
        mayUpdate: true,
        containers: { engine: 'auto', allowBind: [] },
        service: {
          describe: () => 'the unit',
          install: (text) => {
            installed.push(text);
            return Promise.resolve({ unitFile: '' });
          },
          start: () => Promise.resolve(true),
          isRunning: () => Promise.resolve(false),
          uninstall: () => Promise.resolve({ unitFile: '' }),
          disable: () => Promise.resolve(),
        },
        fetched,
        seed,
        platform: 'linux-x64',
        join: () => Promise.resolve(membership),
        log: silent,
        ...over,
      }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

// Goal: what is installed at a first start is what the grid has signed, whatever has brought it.
describe('enrolling', () => {
  it('installs what was fetched, and leaves no token', async () => {
    await using made = await enrolWorld();

    await made.enrol();

    expect(made.installed).toEqual(['the unit']);
    expect(await readFile(path.join(made.seed, 'join.env'), 'utf8')).not.toContain(made.token);
    await expect(readdir(made.fetched)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([
    [
      'a file that was swapped',
      (folder: string) => writeFile(path.join(folder, 'agent.mjs'), 'another agent'),
    ],
    [
      'a manifest that another grid has signed',
      async (folder: string) => {
        const { certificate } = await testAuthority();
        const text = await readFile(path.join(folder, 'manifest'), 'utf8');
        await writeFile(path.join(folder, 'manifest'), forged(text, certificate));
      },
    ],
    [
      'a manifest that was changed',
      async (folder: string) => {
        const text = await readFile(path.join(folder, 'manifest'), 'utf8');
        await writeFile(path.join(folder, 'manifest'), text.replace('9.9.9', '9.9.8'));
      },
    ],
  ])('does not install %s', async (_, change) => {
    await using made = await enrolWorld();
    await change(made.fetched);

    await expect(made.enrol()).rejects.toMatchObject({ code: 'AGENT_RELEASE_INVALID' });

    expect(made.installed).toEqual([]);
  });

  it('does not install what is for another kind of machine, nor on a machine that is another node', async () => {
    await using made = await enrolWorld();

    await expect(made.enrol({ platform: 'linux-arm64' })).rejects.toMatchObject({
      code: 'AGENT_RELEASE_INVALID',
    });
    await made.env('0198c0de-0000-7000-8000-000000000001');
    await expect(made.enrol()).rejects.toMatchObject({ code: 'AGENT_JOINED' });

    expect(made.installed).toEqual([]);
  });
});

/** The same words with a signature that is well-formed and nobody's here. */
function forged(text: string, certificate: string): string {
  const other = Buffer.from(certificate).toString('base64').slice(0, 96);
  return text.replace(/signature .*/, `signature ${other}`);
}
