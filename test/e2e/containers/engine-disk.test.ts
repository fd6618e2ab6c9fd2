import { rm } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ContainerRuntime } from '../../../src/core/services/container/runtime.ports.js';

import { openRuntime } from '../../../src/core/platform/common/engine/open-runtime.js';
import { startDocker, startPodman, startRegistry, type TestEngine } from '../../support/engines.js';
import { missing } from '../../support/requirements.js';
import { runSpec, STAYS } from '../../support/run-spec.js';

// Goal: an engine whose disk is full says so by its code, loses nothing that runs, and goes on when there is room again.
const DISK_BYTES = 48 << 20;
const NODE = '5a1f0f7e-0000-4000-8000-000000000001';

describe.each([
  ['Docker', 'docker', startDocker],
  ['Podman', 'podman', startPodman],
] as const)('a full disk of %s', (_, kind, startEngine) => {
  describe.skipIf(missing('root', 'netns', 'cgroups', 'registry', kind))('is told of', () => {
    let engine: TestEngine;
    let registry: Awaited<ReturnType<typeof startRegistry>>;
    let runtime: ContainerRuntime;

    beforeAll(async () => {
      engine = await startEngine({ diskBytes: DISK_BYTES });
      registry = await startRegistry(engine);
      await engine.importBusybox('local/busybox:1');
      await engine.importBusybox('local/other:1', { changes: ['LABEL other=image'] });
      await engine.push('local/other:1', `${registry.address}/other:1`);
      await engine.forget(`${registry.address}/other:1`);
      runtime = await openRuntime(engine.socketPath);
    });
    afterAll(async () => {
      runtime?.close();
      await registry?.[Symbol.asyncDispose]();
      await engine?.[Symbol.asyncDispose]();
    });

    it('by a pull, while what runs goes on, and is over with the next try', async () => {
      const { signal } = new AbortController();
      const image = await runtime.ensureImage({ ref: 'local/busybox:1', policy: 'never' }, signal);
      const { id } = await runtime.create(runSpec(image, STAYS, { node: NODE }));
      await runtime.start(id);
      await engine.forget('local/other:1').catch(() => undefined);
      const fill = path.join(engine.folder, 'data', 'fill');
      // As much as there is: dd ends with the disk.
      await engine.reach('sh', '-c', `dd if=/dev/zero of="${fill}" bs=64k 2>/dev/null; true`);

      const pull = () =>
        runtime.ensureImage({ ref: `${registry.address}/other:1`, policy: 'missing' }, signal);
      await expect(pull()).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect((await runtime.inspect(id)).state).toBe('running');

      await rm(fill);
      expect((await pull()).id).not.toBe('');
      await runtime.stop(id, 0);
      await runtime.remove(id);
    });
  });
});
