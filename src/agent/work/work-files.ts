import { readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

import type { LeaseRecord } from './lease.js';

import { Assignment } from '../../contract/agent/work.js';
import { Uuid } from '../../contract/schemas/common.js';
import { writeFileAtomic } from '../../core/storage/files/atomic-file.js';
import { errorCode } from '../../core/types/errors/error-code.js';

const Generation = Type.Integer({ minimum: 0 });
const Held = Type.Omit(Assignment, ['secrets', 'registryAuth']);
const Kept = Type.Object({
  version: Type.Literal(1),
  generation: Generation,
  leases: Type.Array(
    Type.Object({
      wanted: Held,
      good: Type.Optional(Held),
      failed: Type.Optional(
        Type.Object({
          generation: Generation,
          code: Type.String(),
          reason: Type.String(),
          lastWords: Type.Optional(Type.String()),
        }),
      ),
      restarted: Type.Optional(Generation),
      restarting: Type.Optional(
        Type.Object({ number: Generation, container: Type.String(), startedAt: Type.String() }),
      ),
      held: Type.Optional(Type.String()),
      leaving: Type.Optional(Type.Immutable(Type.Array(Type.String()))),
      ending: Type.Optional(Type.Object({ volumes: Type.Boolean() })),
    }),
  ),
  /** Leases of which nothing is left, and the daemon may not know it. */
  ended: Type.Array(Type.Object({ lease: Uuid, generation: Generation })),
});
const keptCheck = Compile(Kept);

/** Leases that have ended and were not told are kept for so many. */
const MAX_ENDED = 1_024;

/** What this node is to run, by what it was last told, and how far it has come. */
export interface WorkState {
  /** Of the work that is held in whole. */
  readonly generation: number;
  readonly leases: ReadonlyMap<string, LeaseRecord>;
  /** With the generation of their last assignment. */
  readonly ended: ReadonlyMap<string, number>;
}

/** The same, while it is being changed. */
export interface WorkDraft {
  generation: number;
  readonly leases: Map<string, LeaseRecord>;
  readonly ended: Map<string, number>;
}

interface Change {
  readonly apply: (draft: WorkDraft) => void;
  readonly done: PromiseWithResolvers<void>;
}

const NOTHING: WorkState = { generation: 0, leases: new Map(), ended: new Map() };

/**
 * The work of a node on its disk: one file, replaced as a whole, so that after any end of this process or of the machine the node goes on by what it
 * was last told. What is changed counts when it lies on the disk, and not before.
 */
export class WorkFiles {
  readonly #file: string;
  #state: WorkState;
  #waiting: Change[] = [];
  #writing: Promise<void> | undefined;

  private constructor(file: string, state: WorkState) {
    this.#file = file;
    this.#state = state;
  }

  /**
   * A file that is damaged is put aside and told of; then nothing is known, which is no order to remove anything.
   * @param directory - of the agent.
   */
  static async open(
    directory: string,
    onDamage: (file: string) => void = () => undefined,
  ): Promise<WorkFiles> {
    const file = path.join(directory, 'work.json');
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return new WorkFiles(file, NOTHING);
    const kept = parsed(text);
    if (kept) return new WorkFiles(file, kept);
    await rename(file, `${file}.damaged`);
    onDamage(`${file}.damaged`);
    return new WorkFiles(file, NOTHING);
  }

  /** As it lies on the disk. */
  get state(): WorkState {
    return this.#state;
  }

  /** Resolves when the change lies on the disk; changes that come together are written together. Rejects when there is no room: then nothing has changed. */
  change(apply: (draft: WorkDraft) => void): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ apply, done });
    this.#writing ??= this.#writeAll();
    return done.promise;
  }

  /** Changes one lease that is there; one that is gone meanwhile stays so. */
  note(lease: string, apply: (record: LeaseRecord) => LeaseRecord): Promise<void> {
    return this.change(({ leases }) => {
      const record = leases.get(lease);
      if (record) leases.set(lease, apply(record));
    });
  }

  /** Resolves when nothing is written any more. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // Whatever is asked for in this turn goes with the first.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const changes = this.#waiting;
      this.#waiting = [];
      const { generation, leases, ended } = this.#state;
      const draft = { generation, leases: new Map(leases), ended: new Map(ended) };
      try {
        for (const { apply } of changes) apply(draft);
        for (const lease of draft.ended.keys()) {
          if (draft.ended.size <= MAX_ENDED) break;
          draft.ended.delete(lease);
        }
        await writeFileAtomic(this.#file, written(draft));
        this.#state = draft;
        for (const { done } of changes) done.resolve();
      } catch (error) {
        for (const { done } of changes) done.reject(error);
      }
    }
    this.#writing = undefined;
  }
}

function written({ generation, leases, ended }: WorkState): string {
  const kept: Static<typeof Kept> = {
    version: 1,
    generation,
    leases: [...leases.values()],
    ended: [...ended].map(([lease, of]) => ({ lease, generation: of })),
  };
  return `${JSON.stringify(kept)}\n`;
}

function parsed(text: string): WorkState | undefined {
  try {
    const kept: unknown = JSON.parse(text);
    if (!keptCheck.Check(kept)) return undefined;
    return {
      generation: kept.generation,
      leases: new Map(kept.leases.map((record) => [record.wanted.lease, record])),
      ended: new Map(kept.ended.map(({ lease, generation }) => [lease, generation])),
    };
  } catch {
    return undefined;
  }
}
