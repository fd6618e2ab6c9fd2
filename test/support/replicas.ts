import { openReplicas, type Replicas } from '../../src/daemon/replicas.js';

/** One replica, and what it said about its Redis. */
export interface TestReplica extends Replicas, Disposable {
  readonly troubles: readonly string[];
}

/** What one daemon shares with others; closed at the end of the scope. */
export async function openReplica(
  redisUrl: string | undefined,
  { namespace = 'test-grid', release = '1' } = {},
): Promise<TestReplica> {
  const troubles: string[] = [];
  const replicas = await openReplicas({
    redisUrl,
    namespace,
    release,
    onTrouble: (what, details) => troubles.push(`${what} ${JSON.stringify(details)}`),
  });
  return { ...replicas, troubles, [Symbol.dispose]: () => replicas.close() };
}
