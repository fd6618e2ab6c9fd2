import { describe, expect, it } from 'vitest';

import { assignment, next } from '../../support/assignments.js';
import { waitFor } from '../../support/wait-for.js';
import { connectedNode as connected } from '../../support/work-node.js';

// Goal: what is asked for while something else is under way is done, and is not said to be done before.
describe('a lease', () => {
  it('that is to be restarted is not said to run before that is done', async () => {
    await using node = await connected();
    const { runtime } = node;
    const first = assignment();
    node.assign([first]);
    await node.phase(first.lease, 'running');
    // It is told of before anything has been looked at.
    const look = Promise.withResolvers<void>();
    runtime.before = (call) => (call === 'list' ? look.promise : undefined);
    const again = next(first, {}, { restart: 1 });
    node.assign([again]);
    const during = await node.until(
      first.lease,
      ({ generation }) => generation === again.generation,
    );
    look.resolve();
    await node.phase(first.lease, 'running', again.generation);

    expect(during.phase).toBe('restarting');
    expect(runtime.journal.filter((line) => line.startsWith('start'))).toHaveLength(2);
  });

  it('that is still being stopped is not said to run when it is wanted again', async () => {
    await using node = await connected();
    const { runtime } = node;
    const first = assignment();
    node.assign([first]);
    await node.phase(first.lease, 'running');
    const isStopping = Promise.withResolvers<void>();
    const grace = Promise.withResolvers<void>();
    runtime.before = async (call) => {
      if (call !== 'stop') return;
      isStopping.resolve();
      await grace.promise;
    };
    const stopped = next(first, {}, { desired: 'stopped' });
    node.assign([stopped]);
    await isStopping.promise;
    const again = next(stopped, {}, { desired: 'running' });
    node.assign([again]);
    const during = await node.until(
      first.lease,
      ({ generation }) => generation === again.generation,
    );
    grace.resolve();
    await node.phase(first.lease, 'running', again.generation);

    expect(during.phase).toBe('starting');
    expect(runtime.journal.filter((line) => line.startsWith('start'))).toHaveLength(2);
  });

  it('that ends now and then says how it did, also when it runs again', async () => {
    await using node = await connected();
    const { runtime } = node;
    const web = assignment({ memoryBytes: 8 * 2 ** 20 });
    node.assign([web]);
    await node.phase(web.lease, 'running');
    await waitFor('the engine to be listened to', () => runtime.calls.events > 0);
    const [one] = runtime.all();
    const name = one?.spec.name ?? '';
    runtime.say(name, 'no database');
    runtime.exitContainer(name, 137, { oomKilled: true, waits: true });

    const report = await node.until(
      web.lease,
      ({ phase, lastWords }) => phase === 'running' && lastWords !== undefined,
    );

    expect(report).toMatchObject({
      restarts: 1,
      reason: 'It was ended for using more than its 8 MiB of memory. It was started again.',
      lastWords: 'no database',
    });
  });

  it('goes back to what an update has begun to stop, and whose end is no failure', async () => {
    await using node = await connected();
    const { runtime } = node;
    const first = assignment();
    node.assign([first]);
    await node.phase(first.lease, 'running');
    const [old] = runtime.all();
    const isStopping = Promise.withResolvers<void>();
    const grace = Promise.withResolvers<void>();
    runtime.before = async (call, about) => {
      if (call !== 'stop' || about !== old?.id) return;
      isStopping.resolve();
      await grace.promise;
    };
    const update = next(first, { image: 'registry.test/app:2' });
    node.assign([update]);
    await isStopping.promise;

    const back = next(update, { image: first.spec.image });
    expect(back.specHash).toBe(first.specHash);
    node.assign([back]);
    await node.until(first.lease, ({ generation }) => generation === back.generation);
    grace.resolve();
    const report = await node.phase(first.lease, 'running', back.generation);

    expect(report.code).toBeUndefined();
    const only = await waitFor('the other to be gone', () => {
      const [one, ...others] = runtime.all();
      return others.length === 0 ? one : undefined;
    });
    expect(only).toMatchObject({
      state: 'running',
      spec: { labels: { specHash: first.specHash } },
    });
    expect(only.id).not.toBe(old?.id);
    expect(node.reports(first.lease).map(({ code }) => code)).not.toContain(
      'CONTAINER_ROLLED_BACK',
    );
  });
});
