import type { ContainerRuntime } from '../../core/services/container/runtime.ports.js';
import type { Log } from '../log.js';
import type { End, Failure, LeaseRecord, SeenContainer } from './lease.js';
import type { WorkFiles } from './work-files.js';

import { lastWords } from './last-words.js';
import { afterFailure, retryWaitMs, type Step } from './plan.js';

/** One that has stayed up so long is tried at once when it ends again. */
const STEADY_MS = 30_000;
const LAST_WORDS_TIMEOUT_MS = 10_000;

/** What is remembered of a lease for as long as this process. */
export interface Memory {
  failures: number;
  /** How often the engine has gone away in the midst of it, in a row. */
  losses: number;
  notBeforeMs: number;
  failure: Failure | undefined;
  /** It was taken away while it was being stopped. */
  isLate: boolean;
  /** The image that was found last, and for which spec. */
  image: { readonly of: string; readonly digest: string } | undefined;
  /** What a container wrote last, and of which run of it. */
  words: { readonly of: string; readonly text: string } | undefined;
  /** How a container ended by itself last; it has not stayed up for long since. */
  end: End | undefined;
}

interface MemoryParts {
  readonly files: Pick<WorkFiles, 'note' | 'state'>;
  readonly log: Log;
  readonly onLease: (lease: string) => void;
  readonly onFailure: (lease: string) => void;
}

/** How often leases have failed, why, and when they are tried again. */
export class Memories {
  readonly #parts: MemoryParts;
  readonly #nowMs: () => number;
  readonly #memories = new Map<string, Memory>();

  constructor(parts: MemoryParts, nowMs: () => number) {
    this.#parts = parts;
    this.#nowMs = nowMs;
  }

  of(lease: string): Memory {
    const known = this.#memories.get(lease);
    if (known) return known;
    const memory: Memory = {
      failures: 0,
      losses: 0,
      notBeforeMs: 0,
      failure: undefined,
      isLate: false,
      image: undefined,
      words: undefined,
      end: undefined,
    };
    this.#memories.set(lease, memory);
    return memory;
  }

  /** Nothing is to be tried for it before. */
  notBeforeMs(lease: string): number {
    return this.#memories.get(lease)?.notBeforeMs ?? 0;
  }

  /** What is remembered of all others is forgotten. */
  keepOnly(isWanted: (lease: string) => boolean): void {
    for (const lease of this.#memories.keys()) {
      if (!isWanted(lease)) this.#memories.delete(lease);
    }
  }

  /** It is tried at once, as if it had never failed. */
  startOver(lease: string): void {
    const memory = this.#memories.get(lease);
    if (!memory) return;
    Object.assign(memory, { failures: 0, losses: 0, notBeforeMs: 0 });
    Object.assign(memory, { failure: undefined, end: undefined });
  }

  /** What its container is like, when nothing is under way for it. */
  saw(record: LeaseRecord, match: SeenContainer): void {
    const memory = this.of(record.wanted.lease);
    const { state, upSinceMs, exitCode, oomKilled } = match;
    if (state === 'running' && this.#nowMs() - upSinceMs >= STEADY_MS) {
      Object.assign(memory, { failures: 0, end: undefined });
    }
    const isOurs = record.held === match.id || record.restarting?.container === match.id;
    const isOver = state === 'exited' || state === 'restarting';
    if (isOver && !isOurs && exitCode !== undefined) memory.end = { exitCode, oomKilled };
  }

  /** These steps have worked. A start of what had run before is paced, should it end again at once. */
  taken(lease: string, steps: readonly Step[]): void {
    if (steps.some(({ kind }) => kind === 'settle')) this.startOver(lease);
    const known = this.#memories.get(lease);
    if (known) known.losses = 0;
    const record = this.#parts.files.state.leases.get(lease);
    const start = steps.find(({ kind }) => kind === 'start');
    if (!record || start?.kind !== 'start' || start.of.specHash !== record.good?.specHash) return;
    const memory = this.of(lease);
    memory.failures += 1;
    memory.notBeforeMs = this.#nowMs() + afterFailure(record, '', memory.failures).waitMs;
    memory.failure = undefined;
  }

  /** Resolves when what follows from it lies on the disk. Rejects when there is no room for that. */
  async failed(lease: string, failure: Failure): Promise<'roll-back' | 'remove' | 'retry'> {
    const { files, log, onFailure } = this.#parts;
    const record = files.state.leases.get(lease);
    const memory = this.of(lease);
    memory.failures += 1;
    const { code, reason } = failure;
    if (!record) {
      memory.notBeforeMs = this.#nowMs() + retryWaitMs(memory.failures);
      log.warn('a container that is in no work cannot be removed', { lease, code, reason });
      return 'retry';
    }
    const { next, waitMs } = afterFailure(record, code, memory.failures);
    log.warn('a container is not as it is to be', { lease, next, code, reason });
    memory.notBeforeMs = this.#nowMs() + waitMs;
    if (next !== 'roll-back') {
      memory.failure = failure;
      onFailure(lease);
      return next;
    }
    await files.note(lease, (now) => rolledBack(now, failure));
    this.startOver(lease);
    memory.image = undefined;
    return next;
  }

  /** The engine went away in the midst of it. That is no failure of the container, but what brings the engine down each time is not done without a pause. */
  lost(lease: string): void {
    const memory = this.of(lease);
    memory.losses += 1;
    memory.notBeforeMs = this.#nowMs() + retryWaitMs(memory.losses);
  }

  /** So that whoever reads the report sees why it has ended. */
  async listenToLast(
    lease: string,
    { id, startedAt, exitCode }: SeenContainer,
    runtime: Pick<ContainerRuntime, 'logs'>,
  ): Promise<void> {
    const memory = this.of(lease);
    const of = `${id} ${startedAt}`;
    if (exitCode === undefined || exitCode === 0 || memory.words?.of === of) return;
    memory.words = { of, text: '' };
    const text = await lastWords(runtime, id, AbortSignal.timeout(LAST_WORDS_TIMEOUT_MS));
    if (memory.words.of !== of || text === '') return;
    memory.words = { of, text };
    this.#parts.onLease(lease);
  }
}

/** The good one is kept. What was stopped for the new one is started again, and a restart that was under way is over with that. */
function rolledBack(record: LeaseRecord, failure: Failure): LeaseRecord {
  const { restarting, held = restarting?.container, ...rest } = record;
  return {
    ...rest,
    ...(held === undefined ? {} : { held }),
    restarted: record.wanted.restart,
    failed: { ...failure, generation: record.wanted.generation },
  };
}
