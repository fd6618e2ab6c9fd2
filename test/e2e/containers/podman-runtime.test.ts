import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { openRuntime } from '../../../src/core/platform/common/engine/open-runtime.js';
import { startPodman } from '../../support/engines.js';
import { engineSuite } from '../../support/engine-suite.js';
import { engineWorld } from '../../support/engine-world.js';
import { missing } from '../../support/requirements.js';
import { runSpec, STAYS } from '../../support/run-spec.js';
import { runtimeContract } from '../../support/runtime-contract.js';

describe.skipIf(missing('root', 'netns', 'podman', 'registry'))('a real Podman', () => {
  runtimeContract('Podman', () => engineWorld(startPodman));
  engineSuite('Podman', startPodman);

  it('lists what there is although it was killed in the midst of removing one', async () => {
    await using engine = await startPodman();
    await engine.importBusybox('local/busybox:1');
    const runtime = await openRuntime(engine.socketPath);
    const { signal } = new AbortController();
    const image = await runtime.ensureImage({ ref: 'local/busybox:1', policy: 'never' }, signal);
    const node = randomUUID();
    const half = await runtime.create(runSpec(image, STAYS, { node }));
    const whole = await runtime.create(runSpec(image, STAYS, { node }));
    await engine.kill();
    // What it removes first: what it has of the container, before what it knows of it.
    const store = path.join(engine.folder, 'data/overlay-containers/containers.json');
    const stored: unknown = JSON.parse(await readFile(store, 'utf8'));
    const left = (Array.isArray(stored) ? stored : []).filter(
      (one: { readonly id?: string }) => one.id !== half.id,
    );
    await writeFile(store, JSON.stringify(left));
    await engine.start();

    expect(await runtime.list(node)).toMatchObject([{ id: whole.id }]);
    await runtime.remove(whole.id);
    expect(await runtime.list(node)).toEqual([]);
    runtime.close();
  });
});
