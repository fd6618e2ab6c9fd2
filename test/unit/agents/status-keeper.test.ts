import { expect, it } from 'vitest';

import type { Status } from '../../../src/agent/agent-files.js';

import { StatusKeeper } from '../../../src/agent/status-keeper.js';
import { waitFor } from '../../support/wait-for.js';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const status = (state: Status['state']): Status => ({
  version: 1,
  pid: 7,
  state,
  since: '2026-01-02T03:04:05.000Z',
});

// Goal: whoever asks how an agent is going is told what is so now.
it('keeps what found no room as soon as there is some', async () => {
  const disk = { isFull: true, kept: '' };
  const saveStatus = ({ state }: Status) => {
    if (disk.isFull) return Promise.reject(new TypeError('no room'));
    disk.kept = state;
    return Promise.resolve();
  };
  const keeper = new StatusKeeper({ saveStatus }, quiet, 1);

  await keeper.tell(status('waiting'));
  await keeper.tell(status('connected'));
  disk.isFull = false;

  await waitFor('it to be kept', () => disk.kept !== '');
  expect(disk.kept).toBe('connected');
  await keeper.close();
});

it('keeps the newest last, however long the one before takes', async () => {
  const kept: string[] = [];
  const slow = Promise.withResolvers<void>();
  const saveStatus = async ({ state }: Status) => {
    if (kept.length === 0) await slow.promise;
    kept.push(state);
  };
  const keeper = new StatusKeeper({ saveStatus }, quiet);

  const told = [keeper.tell(status('connected')), keeper.tell(status('waiting'))];
  slow.resolve();
  await Promise.all(told);

  expect(kept).toEqual(['connected', 'waiting']);
  await keeper.close();
});
