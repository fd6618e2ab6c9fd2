import { createHash } from 'node:crypto';

const RETRY_MS = 1_000;
/** After so long without a database, the key is free again by its age. */
const MAX_RETRIES = 3_600;

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
      let response: unknown;
      try {
        response = await run();
      } catch (error) {
        await insist(() => store.release({ subject, key })).catch(() => undefined);
        throw error;
      }
      await insist(() => store.complete({ subject, key }, without(response, secrets)));
      return response;
    },
  };
}

/**
 * Writes down how a call ended. Where the database is away just then, the caller is told so, and it is written when it is back: until then, the
 * key would belong to a call that still seems to run.
 */
async function insist(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    void again(write);
    throw error;
  }
}

async function again(write: () => Promise<void>): Promise<void> {
  for (let attempt = 0; attempt < MAX_RETRIES; attempt += 1) {
    // Does not keep a daemon that stops.
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
    try {
      await write();
      return;
    } catch {
      // Still away.
    }
  }
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
