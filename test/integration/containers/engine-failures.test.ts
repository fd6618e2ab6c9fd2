import { describe, expect, it } from 'vitest';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { assignment, next } from '../../support/assignments.js';
import { waitFor } from '../../support/wait-for.js';
import { connectedNode as connected } from '../../support/work-node.js';

// Goal: what an engine cannot do with one container is that container's trouble, and nobody else's.
describe('what an engine fails at', () => {
  it.each(['stop', 'remove'] as const)(
    'is asked for again later and later where it is to %s a container, and the engine is there for all others',
    async (call) => {
      await using node = await connected();
      const [stuck, other] = [assignment(), assignment({}, { name: 'other' })];
      node.assign([stuck, other]);
      await node.phase(stuck.lease, 'running');
      await node.phase(other.lease, 'running');
      const id = node.runtime.all().find(({ spec }) => spec.labels.lease === stuck.lease)?.id;
      const tries: number[] = [];
      node.runtime.before = (one, about) => {
        if (one !== call || about !== id || tries.push(performance.now()) > 2) return;
        throw new AppError('ENGINE_FAILED', 'device or resource busy');
      };
      node.assign([other]);

      const report = await node.until(stuck.lease, ({ code }) => code !== undefined);
      const changed = next(other, { env: { REV: '2' } });
      node.assign([changed]);
      await node.phase(stuck.lease, 'ended');
      await node.phase(other.lease, 'running', 2);

      expect(report).toMatchObject({ code: 'ENGINE_FAILED', reason: 'device or resource busy' });
      expect(node.workReports().map(({ engineProblem }) => engineProblem)).not.toContainEqual(
        expect.any(String),
      );
      expect(tries).toHaveLength(3);
      const [first = 0, second = 0, third = 0] = tries;
      expect(second - first).toBeGreaterThanOrEqual(1_000);
      expect(third - second).toBeGreaterThanOrEqual(2_000);
    },
  );

  it('takes no container for gone where it is to show one closely', async () => {
    await using node = await connected();
    const web = assignment();
    node.assign([web]);
    await node.phase(web.lease, 'running');
    await node.stop();
    let looks = 0;
    node.runtime.before = (call) => {
      if (call !== 'inspect') return;
      looks += 1;
      throw new AppError('ENGINE_FAILED', 'the metadata of it is damaged');
    };
    await node.start();
    node.connect();
    await waitFor('a look', () => looks > 0);

    node.assign([]);
    await node.phase(web.lease, 'ended');

    expect(node.runtime.all()).toEqual([]);
    expect(node.workReports().map(({ engineProblem }) => engineProblem)).not.toContainEqual(
      expect.any(String),
    );
  });

  it('is said where it is to list what it has, and it does not come and go', async () => {
    await using node = await connected();
    const web = assignment();
    node.assign([web]);
    await node.phase(web.lease, 'running');
    const from = node.workReports().length;
    let isOver = false;
    node.runtime.before = async (call) => {
      if (call !== 'list' || isOver) return;
      // As long as an engine takes for it: what is said of it meanwhile is sent.
      const at = performance.now();
      await waitFor('the list', () => performance.now() - at > 100);
      throw new AppError('ENGINE_FAILED', 'no list today');
    };
    const asked = node.runtime.calls.list;
    node.assign([next(web, {}, { restart: 1 })]);
    await waitFor('some tries', () => node.runtime.calls.list - asked >= 4);
    const said = node.workReports().slice(from);
    isOver = true;
    await waitFor('it to be back', () => node.workReports().at(-1)?.engine !== undefined);

    const problems = said.map(({ engineProblem }) => engineProblem !== undefined);
    expect(problems.lastIndexOf(false)).toBeLessThan(problems.indexOf(true));
    expect(said.at(-1)?.engineProblem).toContain('no list today');
  });
});
