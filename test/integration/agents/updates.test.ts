import { readlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { runningRelease } from '../../../src/agent/release/running.js';
import { Updates } from '../../../src/agent/release/updates.js';
import { releaseFolder, releaseHome } from '../../support/agent-releases.js';
import { joinToken, testAgent } from '../../support/agents.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A daemon that has an agent 9.9.9, and a node whose agent 1.0.0 is installed and runs. */
async function updateWorld({ mayUpdate = true, platform = 'linux-x64' } = {}) {
  const stack = new AsyncDisposableStack();
  const releases = stack.use(await releaseFolder());
  await releases.add('9.9.9', { node: 'a runtime' });
  const world = stack.use(await remoteWorld({ config: { 'agents.releases': releases.path } }));
  const installed = stack.use(await releaseHome());
  await installed.install('1.0.0');
  const { home } = installed;
  const made = {
    replaced: 0,
    updates: undefined as Updates | undefined,
  };
  const agent = stack.use(
    await testAgent({
      mayUpdate,
      updates: {
        apply: (update) => made.updates?.apply(update) ?? Promise.resolve(),
        cancel: () => made.updates?.cancel(),
        failure: (update) => made.updates?.failure(update),
      },
    }),
  );
  const { membership } = await agent.join(await joinToken(world), 'node-01');
  const begin = async () => {
    made.updates = new Updates({
      home,
      membership,
      version: '1.0.0',
      platform,
      log: silent,
      signal: new AbortController().signal,
      random: () => 0,
      onReplaced: () => {
        made.replaced += 1;
      },
    });
    await made.updates.begin();
  };
  await begin();
  await agent.run();
  const node = () => world.admin.call('nodes.get', { node: 'node-01' });
  await waitFor('the node to be online', async () => (await node()).status === 'online');
  return {
    world,
    agent,
    home,
    file: installed.file,
    made,
    node,
    /** As a new process of the same program. */
    begin,
    order: (agentVersion: string) =>
      world.admin.call('nodes.update', { node: 'node-01', agentVersion }),
    problem: () =>
      waitFor('a problem to be reported', async () => (await node()).agent?.problems[0]),
    current: async () => path.basename(await readlink(home.current)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

// Goal: the agents of a grid are brought to another version from one place, and none is lost by that.
describe('replacing an agent', () => {
  it('makes the ordered version current, on trial, with the one before kept beside it', async () => {
    await using made = await updateWorld();

    const ordered = await made.order('9.9.9');
    await waitFor('the new version to be current', () => made.made.replaced === 1);

    expect(ordered.agent).toMatchObject({ version: '1.0.0', wantedVersion: '9.9.9' });
    expect(await made.current()).toMatch(/^9\.9\.9-[0-9a-f]{12}$/);
    expect(await readlink(made.file('previous'))).toMatch(/^releases\/1\.0\.0-/);
    const order = ordered.agent?.generation;
    expect(await made.home.trial()).toEqual({
      version: '9.9.9',
      order,
      from: '1.0.0',
      id: await made.current(),
    });
  });

  it('is done when the new version says so itself', async () => {
    await using made = await updateWorld();
    await made.order('9.9.9');
    await waitFor('the new version to be current', () => made.made.replaced === 1);
    await made.agent.stop();

    await made.agent.run('boot-1', '9.9.9');
    const node = await waitFor('the new version to be there', async () => {
      const now = await made.node();
      return now.agent?.version === '9.9.9' ? now : undefined;
    });

    expect(node.agent).not.toHaveProperty('wantedVersion');
    const { events } = await made.world.admin.call('events.list', {
      after: '0',
      type: 'node.agent-replaced',
    });
    expect(events.map(({ payload }) => payload)).toEqual([
      { name: 'node-01', from: '1.0.0', to: '9.9.9' },
    ]);
  });

  it('is refused by an agent whose owner does not allow it', async () => {
    await using made = await updateWorld({ mayUpdate: false });

    await made.order('9.9.9');

    expect(await made.problem()).toMatchObject({ code: 'UPDATE_NOT_ALLOWED' });
    expect(await made.current()).toMatch(/^1\.0\.0-/);
  });

  it('changes nothing when the daemon has nothing for that machine, and is tried again when it is ordered again', async () => {
    await using made = await updateWorld({ platform: 'linux-s390x' });

    await made.order('9.9.9');
    const problem = await made.problem();
    await made.begin();
    const fetched = made.world.log.filter((line) => line.includes('/v1/agent/releases/')).length;
    await made.order('9.9.9');
    await waitFor(
      'it to be asked for again',
      () => made.world.log.filter((line) => line.includes('/v1/agent/releases/')).length > fetched,
    );

    expect(problem).toMatchObject({ code: 'UPDATE_FAILED' });
    expect(problem.message).toContain('no Node for agents on "linux-s390x"');
    expect(await made.current()).toMatch(/^1\.0\.0-/);
    expect(await made.home.trial()).toBeUndefined();
  });

  it('is not tried again after the new version did not come back, until it is ordered again', async () => {
    await using made = await updateWorld();
    const order = ((await made.node()).agent?.generation ?? 0) + 1;
    // As launch.sh leaves it.
    const failed = { version: '9.9.9', order, from: '1.0.0', id: '9.9.9-abc' };
    await writeFile(made.file('failed.json'), JSON.stringify(failed));
    await made.begin();

    await made.order('9.9.9');
    const problem = await made.problem();
    const before = made.made.replaced;
    await made.order('9.9.9');
    await waitFor('the new version to be current', () => made.made.replaced === 1);

    expect(problem).toMatchObject({
      code: 'UPDATE_FAILED',
      message: '9.9.9 did not come back, so 1.0.0 runs again.',
    });
    expect(before).toBe(0);
  });

  it('is tried again by itself when what stood in the way may pass', async () => {
    await using made = await updateWorld({ mayUpdate: false });
    const { updates } = made.made;
    const url = new URL(made.world.url);
    // Which would be told that nothing else is wanted.
    await made.agent.stop();

    await made.world.replicas[0]?.stop();
    const applied = updates?.apply({ version: '9.9.9', order: 2 });
    const again = await made.world.start('replica-1', `127.0.0.1:${url.port}`);
    await applied;
    await again.stop();

    expect(await made.current()).toMatch(/^9\.9\.9-/);
  });

  it('is not done when it is taken back while it is fetched', async () => {
    await using made = await updateWorld({ mayUpdate: false });
    const { updates } = made.made;

    const applied = updates?.apply({ version: '9.9.9', order: 2 });
    updates?.cancel();
    await applied;

    expect(await made.current()).toMatch(/^1\.0\.0-/);
    expect(updates?.failure({ version: '9.9.9', order: 2 })).toBeUndefined();
  });

  it('takes the newest order in the place of the one that is under way, and each order once', async () => {
    await using made = await updateWorld({ mayUpdate: false });
    const updates = made.made.updates;
    if (!updates) throw new TypeError('It was installed.');
    const [unknown, known] = [
      { version: '9.9.8', order: 2 },
      { version: '9.9.9', order: 3 },
    ];

    const outcomes = await Promise.allSettled(
      [unknown, known, known].map((update) => updates.apply(update)),
    );

    // Nobody waits for the first any more.
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(await made.current()).toMatch(/^9\.9\.9-/);
    expect(made.made.replaced).toBe(1);
  });

  it('can be ordered only where there is such a version, and a machine', async () => {
    await using made = await updateWorld();
    const { admin } = made.world;
    const output = made.file('node-02.img');
    await admin.call('nodes.create', { name: 'node-02', target: { output }, config: false });

    await expect(made.order('9.9.8')).rejects.toMatchObject({ code: 'AGENT_RELEASE_NOT_FOUND' });
    await expect(
      admin.call('nodes.update', { node: 'node-02', agentVersion: '9.9.9' }),
    ).rejects.toMatchObject({ code: 'AGENT_NOT_JOINED' });
  });
});

const nobody = {
  version: 1 as const,
  node: { id: '', name: '' },
  url: 'https://127.0.0.1:1',
  caSha256: '',
  caCertificate: '',
  joinedAt: '',
};

async function onTrial(trialMs: number) {
  const installed = await releaseHome();
  await installed.install('0.0.0-dev');
  const id = (await installed.home.currentId()) ?? '';
  await installed.home.beginTrial({ version: '0.0.0-dev', order: 3, from: '0.9.0', id });
  let again = 0;
  const release = await runningRelease({
    home: installed.home.directory,
    membership: nobody,
    log: silent,
    again: () => {
      again += 1;
    },
    trialMs,
    signal: new AbortController().signal,
  });
  return { installed, release, again: () => again };
}

// Goal: a version that starts but cannot do its work is not kept.
describe('a version on trial', () => {
  it('ends itself when the daemon does not answer it in time', async () => {
    const { installed, again } = await onTrial(20);
    await using _ = installed;

    await waitFor('it to end', () => again() === 1);

    expect(await installed.home.trial()).toMatchObject({ version: '0.0.0-dev' });
  });

  it('has proved itself when the daemon answers it', async () => {
    const { installed, release, again } = await onTrial(60_000);
    await using _ = installed;

    release.onAlive?.();
    await waitFor('the trial to end', async () => (await installed.home.trial()) === undefined);

    expect(again()).toBe(0);
  });

  it('ends itself when it is another version than was ordered: told again, it would come to the same', async () => {
    await using installed = await releaseHome();
    await installed.install('0.0.0-dev');
    const id = (await installed.home.currentId()) ?? '';
    await installed.home.beginTrial({ version: 'v0.0.0', order: 3, from: '0.9.0', id });

    const running = runningRelease({
      home: installed.home.directory,
      membership: nobody,
      log: silent,
      again: () => undefined,
      signal: new AbortController().signal,
    });

    await expect(running).rejects.toMatchObject({ code: 'AGENT_RELEASE_INVALID' });
    expect(await installed.home.trial()).toMatchObject({ version: 'v0.0.0' });
  });

  it('is forgotten where another version runs: the power was cut before it was made current', async () => {
    await using installed = await releaseHome();
    await installed.install('0.0.0-dev');
    const id = '9.9.9-abc';
    await installed.home.beginTrial({ version: '9.9.9', order: 3, from: '0.0.0-dev', id });

    await runningRelease({
      home: installed.home.directory,
      membership: nobody,
      log: silent,
      again: () => undefined,
      signal: new AbortController().signal,
    });

    expect(await installed.home.trial()).toBeUndefined();
  });
});
