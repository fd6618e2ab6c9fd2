import { randomBytes } from 'node:crypto';
import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { fetchFiles, fetchManifest, verifiedRelease } from '../../../src/agent/release/fetch.js';
import { RELEASE_FILES_PATH, RELEASES_PATH } from '../../../src/contract/agent/release.js';
import { askGrid } from '../../../src/agent/grid-request.js';
import { releaseFolder } from '../../support/agent-releases.js';
import { joinToken, testAgent } from '../../support/agents.js';
import { testAuthority } from '../../support/certificates.js';
import { remoteWorld, type RemoteWorld } from '../../support/remote-world.js';
import { scratchFolder } from '../../support/scratch.js';
import { waitFor } from '../../support/wait-for.js';

const PLATFORM = 'linux-x64';

/** A daemon that has an agent 9.9.9, and a machine that knows the daemon. */
async function releaseWorld() {
  const stack = new AsyncDisposableStack();
  const releases = stack.use(await releaseFolder());
  await releases.add('9.9.9', { node: 'the runtime', agent: 'the agent' });
  const world = stack.use(await remoteWorld({ config: { 'agents.releases': releases.path } }));
  const agent = stack.use(await testAgent());
  const { membership } = await agent.join(await joinToken(world), 'node-01');
  const { url, caCertificate } = membership;
  const { signal } = new AbortController();
  const source = { url: new URL(url), caCertificate, signal };
  return {
    world,
    releases,
    source,
    folder: stack.use(await scratchFolder()).path,
    present: stack.use(await scratchFolder()).path,
    downloads: () => downloadsOf(world),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function downloadsOf({ log }: RemoteWorld): number {
  return log.filter((line) => line.includes(`"${RELEASE_FILES_PATH}/:sha256"`)).length;
}

// Goal: a machine gets from its daemon the program that the grid has signed, whole and unchanged, or nothing.
describe('a release of the agent', () => {
  it('reaches a machine byte for byte', async () => {
    await using made = await releaseWorld();
    const { source, folder, present, releases } = made;

    const { release } = await fetchManifest(source, '9.9.9', PLATFORM);
    await fetchFiles(source, release.files, folder, present);

    expect(await readFile(path.join(folder, 'node'), 'utf8')).toBe('the runtime');
    for (const name of ['agent.mjs', 'launch.sh', 'syntropy-agent.service']) {
      const sent = await readFile(path.join(releases.path, '9.9.9', name));
      expect(sent.equals(await readFile(path.join(folder, name)))).toBe(true);
    }
    expect((await stat(path.join(folder, 'node'))).mode & 0o777).toBe(0o755);
    expect((await stat(path.join(folder, 'agent.mjs'))).mode & 0o777).toBe(0o644);
  });

  it('sends only those files that the machine does not have in the same bytes', async () => {
    await using made = await releaseWorld();
    const { source, folder, present, downloads } = made;
    await writeFile(path.join(present, 'node'), 'the runtime');
    await writeFile(path.join(present, 'agent.mjs'), 'another agent');

    const { release } = await fetchManifest(source, '9.9.9', PLATFORM);
    await fetchFiles(source, release.files, folder, present);

    expect(downloads()).toBe(3);
    expect(await readFile(path.join(folder, 'node'), 'utf8')).toBe('the runtime');
    expect(await readFile(path.join(folder, 'agent.mjs'), 'utf8')).toBe('the agent');
  });

  it('is not believed when the authority of another grid has signed it, or when a word of it is another', async () => {
    await using made = await releaseWorld();
    const { text } = await fetchManifest(made.source, '9.9.9', PLATFORM);
    const foreign = await testAuthority();

    const { caCertificate } = made.source;
    expect(verifiedRelease(text, caCertificate).version).toBe('9.9.9');
    for (const [manifest, authority] of [
      [text, foreign.certificate],
      [text.replace('version 9.9.9', 'version 9.9.8'), caCertificate],
      ['hello', caCertificate],
    ] as const) {
      expect(() => verifiedRelease(manifest, authority)).toThrow(
        expect.objectContaining({ code: 'AGENT_RELEASE_INVALID' }),
      );
    }
  });

  it('is not taken when its bytes are not those that were signed', async () => {
    await using made = await releaseWorld();
    const { source, folder, present } = made;
    const { release } = await fetchManifest(source, '9.9.9', PLATFORM);
    const [first, second] = release.files;
    if (!first || !second) throw new TypeError('There are files.');
    // Under the address of the one file lie the bytes of the other.
    const cache = path.join(made.world.daemon.facts().paths.stateDir, 'agent-files');
    await fetchFiles(source, release.files, folder, present);
    await writeFile(
      path.join(cache, `${first.sha256}.gz`),
      await readFile(path.join(cache, `${second.sha256}.gz`)),
    );
    await using again = await scratchFolder();

    const lied = fetchFiles(source, [first], again.path, present);
    await expect(lied).rejects.toMatchObject({ code: 'AGENT_RELEASE_INVALID' });
    const longer = { ...second, sizeBytes: second.sizeBytes - 1 };
    const more = fetchFiles(source, [longer], again.path, present);
    await expect(more).rejects.toMatchObject({ code: 'AGENT_RELEASE_INVALID' });
    expect(await readdir(again.path)).not.toContain(second.name);
  });

  it('is another one as soon as its files are', async () => {
    await using made = await releaseWorld();
    const { source, folder, present, releases } = made;
    const before = await fetchManifest(source, '9.9.9', PLATFORM);
    await fetchFiles(source, before.release.files, present, folder);
    await appendFile(path.join(releases.path, '9.9.9', 'agent.mjs'), ', mended');

    const after = await fetchManifest(source, '9.9.9', PLATFORM);
    await fetchFiles(source, after.release.files, folder, present);

    expect(after.text).not.toBe(before.text);
    // What nobody is offered any more is not kept.
    const cache = path.join(made.world.daemon.facts().paths.stateDir, 'agent-files');
    const offered = after.release.files.map(({ sha256 }) => `${sha256}.gz`);
    expect((await readdir(cache)).toSorted()).toEqual(offered.toSorted());
    expect(await readFile(path.join(folder, 'agent.mjs'), 'utf8')).toBe('the agent, mended');
  });

  it('is not the one that was asked for when it is of another version', async () => {
    await using made = await releaseWorld();

    // `latest` is a question; as an answer it would be any version.
    const any = fetchManifest(made.source, 'latest', PLATFORM);

    await expect(any).rejects.toMatchObject({ code: 'AGENT_RELEASE_INVALID' });
  });

  it('goes to so many machines behind one address at a time, and to others after them', async () => {
    await using made = await releaseWorld();
    // More than sockets hold, so that those who read nothing of it keep it open.
    await made.releases.add('9.9.7', { node: randomBytes(48 << 20).toString('base64') });
    const { release } = await fetchManifest(made.source, '9.9.7', PLATFORM);
    const sha256 = release.files.find(({ name }) => name === 'node')?.sha256 ?? '';
    const asked = {
      ...made.source,
      path: `${RELEASE_FILES_PATH}/${sha256}`,
      signal: AbortSignal.timeout(60_000),
    };
    const held = await Promise.all(Array.from({ length: 8 }, () => askGrid(asked)));

    await expect(askGrid(asked)).rejects.toMatchObject({ code: 'DAEMON_BUSY' });
    for (const answer of held) answer.destroy();
    await waitFor('a place to be free', () =>
      askGrid(asked).then(
        (answer) => Boolean(answer.destroy()),
        () => false,
      ),
    );
  });

  it('is not read for a HEAD, which sends nothing of it', async () => {
    await using made = await releaseWorld();
    const { release } = await fetchManifest(made.source, '9.9.9', PLATFORM);
    const [file] = release.files;

    const answer = await made.world.ask('HEAD', `${RELEASE_FILES_PATH}/${file?.sha256}`);

    expect(answer.status).toBe(404);
  });

  it('is served to anybody, and nothing else is', async () => {
    await using made = await releaseWorld();
    const { world } = made;

    const answers = await Promise.all(
      [
        `${RELEASES_PATH}/9.9.9/${PLATFORM}`,
        `${RELEASES_PATH}/9.9.8/${PLATFORM}`,
        `${RELEASES_PATH}/9.9.9/linux-s390x`,
        `${RELEASES_PATH}/..%2f..%2fetc/${PLATFORM}`,
        `${RELEASES_PATH}/9.9.9/..%2flinux`,
        `${RELEASE_FILES_PATH}/${'0'.repeat(64)}`,
        `${RELEASE_FILES_PATH}/..%2f..%2f..%2fetc%2fpasswd`,
      ].map((target) => world.ask('GET', target)),
    );

    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [200, undefined],
      [404, 'AGENT_RELEASE_NOT_FOUND'],
      [404, 'AGENT_RELEASE_NOT_FOUND'],
      [400, 'INPUT_INVALID'],
      [400, 'INPUT_INVALID'],
      [404, 'AGENT_RELEASE_NOT_FOUND'],
      [400, 'INPUT_INVALID'],
    ]);
  });
});
