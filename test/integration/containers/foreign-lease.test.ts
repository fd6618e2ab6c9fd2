import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { SecretFiles } from '../../../src/agent/work/secret-files.js';
import { Steps } from '../../../src/agent/work/steps.js';
import { MemoryRuntime } from '../../support/memory-runtime.js';
import { NODE } from '../../support/work-node.js';

const FOREIGN = ['../victim', '..', '', '.', 'ABCDEF00-0000-7000-8000-000000000001', 'lease\n'];

async function folders() {
  const root = await mkdtemp(path.join(os.tmpdir(), 'syntropy-foreign-'));
  await mkdir(path.join(root, 'agent/secrets/kept'), { recursive: true });
  await mkdir(path.join(root, 'agent/victim'));
  return {
    agent: path.join(root, 'agent'),
    async [Symbol.asyncDispose]() {
      await rm(root, { recursive: true });
    },
  };
}

// Goal: whatever an engine says of a container, nothing outside of a lease's own place is touched for it.
describe.each(FOREIGN)('a lease that is called %j', (lease) => {
  it('has no secrets that could be taken away', async () => {
    await using at = await folders();
    const secrets = new SecretFiles(at.agent);

    await expect(secrets.keepOnly(lease, new Set())).rejects.toMatchObject({ code: 'INTERNAL' });

    expect((await readdir(at.agent)).toSorted()).toEqual(['secrets', 'victim']);
    expect(await readdir(path.join(at.agent, 'secrets'))).toEqual(['kept']);
  });

  it('has no cgroup that could be closed', async () => {
    await using at = await folders();
    const touched: string[] = [];
    const touch = (one: string) => {
      touched.push(one);
      return Promise.resolve();
    };
    const openLease = (one: string) => touch(one).then(() => undefined);
    const steps = new Steps({
      node: NODE,
      files: {
        state: { generation: 1, leases: new Map(), ended: new Map() },
        change: () => touch('work'),
        note: touch,
      },
      secrets: new SecretFiles(at.agent),
      allowBind: [],
      rights: { ensure: (runtime, request, signal) => runtime.ensureImage(request, signal) },
      lent: { openLease, closeLease: touch, doubt: () => undefined },
      meter: { end: touch, forget: touch },
    });

    const ended = steps.take([{ kind: 'end' }], {
      runtime: new MemoryRuntime(),
      lease,
      signal: new AbortController().signal,
      hurry: new AbortController().signal,
      onStep: () => undefined,
      onImage: () => undefined,
      onFailure: () => Promise.resolve(),
    });

    await expect(ended).rejects.toMatchObject({ failure: { code: 'INTERNAL' } });
    expect(touched).toEqual([]);
  });
});
