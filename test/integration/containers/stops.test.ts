import { describe, expect, it } from 'vitest';

import { MemoryRuntime } from '../../support/memory-runtime.js';
import { assignment, next } from '../../support/assignments.js';
import { waitFor } from '../../support/wait-for.js';
import { connectedNode as connected } from '../../support/work-node.js';

const HOUR = 3_600;
/** More than steps are taken at the same time. */
const MANY = 12;

/** An engine on which containers take their grace, until the test lets them end. */
function stubborn() {
  const runtime = new MemoryRuntime();
  const end = Promise.withResolvers<void>();
  const stopping: string[] = [];
  const isStubborn = (id: string) => runtime.container(id).spec.stopSeconds === HOUR;
  runtime.before = (call, about) => {
    if (call !== 'stop' || !isStubborn(about) || runtime.graces.at(-1) !== HOUR) return;
    stopping.push(about);
    return end.promise;
  };
  return { runtime, stopping, end: () => end.resolve() };
}

// Goal: a container may take as long to end as its member allows it, and nobody waits for it but he.
describe('a container that takes an hour to stop', () => {
  it('holds up no other, however many there are', async () => {
    const { runtime, stopping, end } = stubborn();
    await using node = await connected({ runtime });
    const slow = Array.from({ length: MANY }, () => assignment({ stopSeconds: HOUR }));
    const other = assignment({}, { name: 'other' });
    node.assign([...slow, other]);
    for (const { lease } of [...slow, other]) await node.phase(lease, 'running');

    const later = assignment({}, { name: 'later' });
    node.assign([later]);

    await node.phase(later.lease, 'running');
    await node.phase(other.lease, 'ended');
    expect(stopping).toHaveLength(MANY);
    end();
    for (const { lease } of slow) await node.phase(lease, 'ended');
  });

  it.each(['stopped', 'restarted'] as const)(
    'is removed soon where it is being %s already',
    async (how) => {
      const { runtime, stopping } = stubborn();
      await using node = await connected({ runtime });
      const web = assignment({ stopSeconds: HOUR });
      node.assign([web]);
      await node.phase(web.lease, 'running');
      node.assign([next(web, {}, how === 'stopped' ? { desired: 'stopped' } : { restart: 1 })]);
      await waitFor('the stop', () => stopping.length === 1);

      node.assign([]);
      await node.phase(web.lease, 'ended');

      expect(runtime.graces).toEqual([HOUR, 10]);
      expect(runtime.all()).toEqual([]);
    },
  );

  it('has all of its time where it runs until it is removed', async () => {
    const { runtime, stopping, end } = stubborn();
    await using node = await connected({ runtime });
    const web = assignment({ stopSeconds: HOUR });
    node.assign([web]);
    await node.phase(web.lease, 'running');

    node.assign([]);
    await waitFor('the stop', () => stopping.length === 1);
    node.assign([], [web.container.id]);
    end();
    await node.phase(web.lease, 'ended');

    expect(runtime.graces).toEqual([HOUR]);
  });

  it('is started again when it has stopped, where that is wanted meanwhile', async () => {
    const { runtime, stopping, end } = stubborn();
    await using node = await connected({ runtime });
    const web = assignment({ stopSeconds: HOUR, restart: 'no' });
    node.assign([web]);
    await node.phase(web.lease, 'running');
    const stopped = next(web, {}, { desired: 'stopped' });
    node.assign([stopped]);
    await waitFor('the stop', () => stopping.length === 1);
    node.assign([next(stopped, {}, { desired: 'running' })]);
    await node.until(web.lease, ({ generation }) => generation === 3);
    end();

    await node.until(web.lease, ({ phase }) => phase === 'running');
    await waitFor('the start', () => runtime.calls.start === 2);

    expect(runtime.graces).toEqual([HOUR]);
  });

  it('does not hold up the end of the agent, and is stopped by the next', async () => {
    const { runtime, stopping, end } = stubborn();
    await using node = await connected({ runtime });
    const web = assignment({ stopSeconds: HOUR });
    node.assign([web]);
    await node.phase(web.lease, 'running');
    node.assign([next(web, {}, { desired: 'stopped' })]);
    await waitFor('the stop', () => stopping.length === 1);

    await node.stop();
    await node.start();
    await waitFor('another stop', () => stopping.length === 2);
    end();
    node.connect();

    expect(await node.phase(web.lease, 'stopped', 2)).toMatchObject({ generation: 2 });
  });
});
