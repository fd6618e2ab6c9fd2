import type { FoundImage } from '../../../src/core/services/container/runtime.ports.js';

import { MemoryRuntime } from '../../support/memory-runtime.js';
import { CONTRACT_PROGRAMS } from '../../support/run-spec.js';
import { runtimeContract } from '../../support/runtime-contract.js';

const found = (digit: string): FoundImage => ({
  id: `sha256:${digit.repeat(64)}`,
  digest: `sha256:${digit.repeat(64)}`,
  hasHealthcheck: false,
  volumes: [],
  isAsked: false,
});

runtimeContract('the twin', async () => {
  const runtime = new MemoryRuntime({
    programs: CONTRACT_PROGRAMS,
    registry: { 'local/busybox:1': found('5'), 'registry/app:1': found('6') },
  });
  runtime.before = (call, about) => {
    if (call === 'ensureImage' && about === 'nobody/app:1') {
      runtime.failNextPull('REGISTRY_UNREACHABLE');
    }
  };
  return {
    runtime,
    localImage: 'local/busybox:1',
    image: 'registry/app:1',
    missing: 'registry/nothing:1',
    unreachable: 'nobody/app:1',
    guarded: undefined,
    lose: async () => runtime.loseEngine(),
    find: async () => runtime.findEngine(),
    [Symbol.asyncDispose]: async () => runtime.close(),
  };
});
