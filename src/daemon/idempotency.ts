import { createHash } from 'node:crypto';

/** One call that may have been made before. */
export interface KeyedCall {
  readonly subject: string;
  readonly key: string;
  readonly operation: string;
  readonly input: unknown;
}

/** Makes a call that carries a key happen at most once. */
export interface IdempotencyGate {
  /**
   * Runs the first call with this key and keeps its answer; the same call again gets that answer.
   * A call that failed is forgotten, so that it can be repeated with the same key. Fields named in `secrets` are answered and
   * not kept.
   * @throws {AppError} IDEMPOTENCY_MISMATCH (another input), IDEMPOTENCY_IN_PROGRESS (the first still runs).
   */
  once(call: KeyedCall, run: () => Promise<unknown>, secrets: readonly string[]): Promise<unknown>;
}

/** What the gate keeps. Implemented by core/storage/postgres/idempotency.repository.ts. */
export interface IdempotencyStore {
  claim(claim: {
    subject: string;
    key: string;
    operation: string;
    requestHash: Buffer;
  }): Promise<{ kind: 'claimed' } | { kind: 'done'; response: unknown }>;
  complete(claim: { subject: string; key: string }, response: unknown): Promise<void>;
  release(claim: { subject: string; key: string }): Promise<void>;
}

/** The gate over a store that is shared by all replicas. */
export function createIdempotencyGate(store: IdempotencyStore): IdempotencyGate {
  return {
    async once({ subject, key, operation, input }, run, secrets) {
      const requestHash = createHash('sha256')
        .update(canonical([operation, input]))
        .digest();
      const claim = await store.claim({ subject, key, operation, requestHash });
      if (claim.kind === 'done') return claim.response;
      try {
        const response = await run();
        await store.complete({ subject, key }, without(response, secrets));
        return response;
      } catch (error) {
        await store.release({ subject, key });
        throw error;
      }
    },
  };
}

function without(response: unknown, secrets: readonly string[]): unknown {
  if (secrets.length === 0 || typeof response !== 'object' || response === null) return response;
  return Object.fromEntries(Object.entries(response).filter(([name]) => !secrets.includes(name)));
}

/** JSON with sorted keys: the same input hashes alike whatever order its fields came in. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
