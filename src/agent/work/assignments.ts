import type { Assignment, Work } from '../../contract/agent/work.js';
import type { Log } from '../log.js';
import type { LeaseRecord } from './lease.js';
import type { SecretFiles } from './secret-files.js';
import type { WorkDraft, WorkFiles, WorkState } from './work-files.js';

import { slept } from '../../core/utils/slept.js';

/** A disk that was full may have room by then. */
const RETRY_MS = 5_000;

interface AssignmentParts {
  readonly files: Pick<WorkFiles, 'change' | 'state'>;
  readonly secrets: Pick<SecretFiles, 'save'>;
  readonly log: Log;
  /** What these are to be is otherwise. */
  readonly onChanged: (leases: readonly string[]) => void;
  /** What is held in whole, and what is missing, may be otherwise. */
  readonly onHeld: () => void;
  readonly nowMs?: () => number;
}

/** Takes over what the daemon says this node is to run, onto its disk. */
export class Assignments {
  readonly #parts: AssignmentParts;
  readonly #nowMs: () => number;
  #work: Work | undefined;
  readonly #arrived = new Map<string, Assignment>();
  #keeping: Promise<void> | undefined;
  #isDue = false;
  #completeSinceMs: number | undefined;
  readonly #over = new AbortController();

  constructor(parts: AssignmentParts) {
    this.#parts = parts;
    this.#nowMs = parts.nowMs ?? (() => performance.now());
  }

  /** Since when all that was told since this process began is held; undefined while it is not. */
  get completeSinceMs(): number | undefined {
    return this.#completeSinceMs;
  }

  /** All that the node is to run. */
  told(work: Work): void {
    this.#work = work;
    this.#completeSinceMs = undefined;
    this.#keep();
  }

  assigned(assignment: Assignment): void {
    this.#arrived.set(assignment.lease, assignment);
    this.#keep();
  }

  /** What of the work is not held in its generation, and has not arrived. */
  missing(): readonly string[] {
    const { leases } = this.#parts.files.state;
    return (this.#work?.leases ?? [])
      .filter(
        ({ lease, generation }) =>
          this.#arrived.get(lease)?.generation !== generation &&
          leases.get(lease)?.wanted.generation !== generation,
      )
      .map(({ lease }) => lease);
  }

  /** Resolves when nothing is written any more. */
  async close(): Promise<void> {
    this.#over.abort();
    await this.#keeping;
  }

  #keep(): void {
    this.#isDue = true;
    this.#keeping ??= this.#keepAll();
  }

  async #keepAll(): Promise<void> {
    while (this.#isDue && !this.#over.signal.aborted) {
      this.#isDue = false;
      // What comes in one turn lies on the disk together.
      await new Promise(setImmediate);
      const work = this.#work;
      const arrived = new Map(this.#arrived);
      try {
        await this.#save(work, [...arrived.values()]);
        for (const [lease, one] of arrived) {
          if (this.#arrived.get(lease) === one) this.#arrived.delete(lease);
        }
        if (work && work === this.#work && this.missing().length === 0 && !this.#isDue) {
          this.#completeSinceMs ??= this.#nowMs();
        }
        this.#parts.onHeld();
      } catch (error) {
        this.#parts.log.error('the work of this node could not be kept', { reason: String(error) });
        this.#isDue = true;
        await slept(RETRY_MS, this.#over.signal);
      }
    }
    this.#keeping = undefined;
  }

  async #save(work: Work | undefined, arrived: readonly Assignment[]): Promise<void> {
    const { files, secrets, onChanged } = this.#parts;
    const wanted = work && new Set(work.leases.map(({ lease }) => lease));
    // One that is no longer in the work came too late.
    const mine = arrived.filter(({ lease }) => wanted?.has(lease) ?? false);
    for (const assignment of mine) await secrets.save(assignment);
    const before = files.state;
    if (!isOther(before, work, mine)) return;
    const changed: string[] = [];
    await files.change((draft) => {
      for (const assignment of mine) take(draft, assignment);
      if (work) settle(draft, work);
      for (const [lease, record] of draft.leases) {
        const now = before.leases.get(lease);
        if (record.wanted !== now?.wanted || record.ending !== now.ending) changed.push(lease);
      }
    });
    onChanged(changed);
  }
}

/** Nothing is written that is there already: the same is told with each connection. */
function isOther(state: WorkState, work: Work | undefined, mine: readonly Assignment[]): boolean {
  if (mine.length > 0) return true;
  if (!work) return false;
  const draft = {
    generation: state.generation,
    leases: new Map(state.leases),
    ended: new Map(state.ended),
  };
  settle(draft, work);
  return (
    draft.generation !== state.generation ||
    draft.ended.size !== state.ended.size ||
    [...draft.leases].some(([lease, record]) => state.leases.get(lease) !== record)
  );
}

function take(draft: WorkDraft, assignment: Assignment): void {
  const { secrets: _, registryAuth: __, ...wanted } = assignment;
  const record = draft.leases.get(assignment.lease);
  draft.leases.set(assignment.lease, record ? reassigned(record, wanted) : { wanted });
}

function reassigned(record: LeaseRecord, wanted: LeaseRecord['wanted']): LeaseRecord {
  const { failed, ending: _, ...rest } = record;
  // Another generation is tried, whatever became of the one before.
  return failed?.generation === wanted.generation
    ? { ...rest, wanted, failed }
    : { ...rest, wanted };
}

/** What is in the work stays, the rest is to go; the generation is reached when all of it is there. */
function settle(draft: WorkDraft, work: Work): void {
  const generations = new Map(work.leases.map(({ lease, generation }) => [lease, generation]));
  const dropped = new Set(work.dropVolumes);
  for (const [lease, record] of draft.leases) {
    const volumes = dropped.has(record.wanted.container.id);
    if (generations.has(lease)) {
      if (record.ending && generations.get(lease) === record.wanted.generation) {
        const { ending: _, ...rest } = record;
        draft.leases.set(lease, rest);
      }
    } else if (!record.ending || (volumes && !record.ending.volumes)) {
      draft.leases.set(lease, { ...record, ending: { volumes } });
    }
  }
  for (const lease of generations.keys()) draft.ended.delete(lease);
  const isWhole = [...generations].every(
    ([lease, generation]) => draft.leases.get(lease)?.wanted.generation === generation,
  );
  if (isWhole) draft.generation = work.generation;
}
