import type { ContractWorld } from './runtime-contract.js';

import { openRuntime } from '../../src/core/platform/common/engine/open-runtime.js';
import { REGISTRY_USER, startRegistry, type TestEngine } from './engines.js';

/** A real engine with registries, as the contract wants it. */
export async function engineWorld(
  start: () => Promise<TestEngine>,
): Promise<ContractWorld & { readonly engine: TestEngine }> {
  await using stack = new AsyncDisposableStack();
  const engine = stack.use(await start());
  const registry = stack.use(await startRegistry(engine));
  const guarded = stack.use(await startRegistry(engine, { port: 5_001, asks: true }));
  await engine.importBusybox('local/busybox:1');
  await engine.importBusybox('local/app:1', { changes: ['LABEL of=app'] });
  const [image, secret] = [`${registry.address}/app:1`, `${guarded.address}/app:1`];
  for (const name of [image, secret]) await engine.push('local/app:1', name);
  await engine.forget(image);
  await engine.forget(secret);
  await engine.forget('local/app:1');
  const runtime = await openRuntime(engine.socketPath);
  stack.defer(() => runtime.close());
  const kept = stack.move();
  return {
    engine,
    runtime,
    localImage: 'local/busybox:1',
    image,
    missing: `${registry.address}/nothing:1`,
    unreachable: '127.0.0.1:5999/app:1',
    guarded: { image: secret, ...REGISTRY_USER },
    lose: () => engine.kill(),
    find: () => engine.start(),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
