import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { Engine } from '../../../src/agent/work/engine.js';
import { Reconciler } from '../../../src/agent/work/reconciler.js';
import { SecretFiles } from '../../../src/agent/work/secret-files.js';
import { WorkFiles } from '../../../src/agent/work/work-files.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';
import { MemoryRuntime } from '../../support/memory-runtime.js';
import { runSpec, STAYS } from '../../support/run-spec.js';
import { waitFor } from '../../support/wait-for.js';
import { NODE } from '../../support/work-node.js';

const STRAY_GRACE_MS = 300_000;
/** So many at once are without end. */
const ENDLESS = 100;
const nothing = () => undefined;
const done = () => Promise.resolve();
const log = { info: nothing, warn: nothing, error: nothing };

/** What keeps a node's containers as they are to be, all of whose work is known, with a clock that the test winds. */
async function reconciling(runtime: MemoryRuntime) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-strays-'));
  const clock = { ms: 0 };
  const reconciler = new Reconciler({
    node: NODE,
    files: await WorkFiles.open(directory, nothing),
    secrets: new SecretFiles(directory),
    allowBind: [],
    rights: { ensure: (on, request, signal) => on.ensureImage(request, signal) },
    lent: {
      openLease: () => Promise.resolve(undefined),
      closeLease: done,
      keep: () => Promise.resolve(Infinity),
      doubt: nothing,
    },
    meter: { end: done, forget: done },
    engine: new Engine(() => Promise.resolve(runtime), done, log),
    log,
    completeSinceMs: () => 0,
    onLease: nothing,
    onFailure: nothing,
    onEngine: nothing,
    onRunning: nothing,
    nowMs: () => clock.ms,
  });
  const stop = new AbortController();
  const ended = reconciler.run(stop.signal);
  return {
    /** So much later it has looked around. */
    async later(ms: number) {
      clock.ms += ms;
      const looks = runtime.calls.list;
      await waitFor('two looks', () => {
        reconciler.wake();
        return runtime.calls.list >= looks + 2;
      });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

// Goal: what nobody knows goes, and an engine that cannot do it is not asked without end.
describe('a container that is in no work', () => {
  it('that cannot be removed is tried again later and later', async () => {
    const runtime = new MemoryRuntime();
    const id = runtime.plant(runSpec({ id: 'image' }, STAYS, { node: NODE }));
    let tries = 0;
    let isStuck = true;
    runtime.before = (call) => {
      if (call !== 'remove' || !isStuck || tries > ENDLESS) return;
      tries += 1;
      throw new AppError('ENGINE_FAILED', 'device or resource busy');
    };
    await using at = await reconciling(runtime);
    await at.later(0);

    await at.later(STRAY_GRACE_MS);
    const triesAt = [tries];
    for (const ms of [500, 500, 1_000, 1_000, 3_000]) {
      await at.later(ms);
      triesAt.push(tries);
    }
    isStuck = false;
    await at.later(4_000);

    expect(triesAt).toEqual([1, 1, 2, 2, 3, 3]);
    expect(runtime.all().map((one) => one.id)).not.toContain(id);
  });
});
