import type { LeaseReport, UsageRecordFrame, WorkReport } from '../../contract/agent/work.js';
import type { DaemonFrame } from '../../contract/agent/protocol.js';
import type { LeaseService } from '../../core/services/container/lease.service.js';
import type { NodeWord } from '../../core/services/container/lease.ports.js';

import { MAX_AGENT_FRAME_BYTES } from '../../contract/agent/protocol.js';
import { MAX_LEASES } from '../../contract/agent/work.js';
import { latestOnly } from '../../core/utils/latest-only.js';

/** Frames of usage that wait to be noted. What is passed over is sent again, for it was not said to be noted. */
const MAX_WAITING_USAGE = 16;
/** Leases that wait to be reported on: a node has no more, and those that have ended. */
const MAX_WAITING_LEASES = 2 * MAX_LEASES;

type Usage = { readonly id: number; readonly records: readonly UsageRecordFrame[] };

export interface WorkDeskDeps {
  readonly nodeId: string;
  readonly sessionId: string;
  readonly leases: Pick<LeaseService, 'work' | 'assignments' | 'report' | 'noteUsage'>;
  readonly send: (frame: DaemonFrame) => void;
  /** Told why something could not be done; it is done when the agent is heard of next. */
  readonly onTrouble: (error: unknown, what: string) => void;
}

/**
 * What one agent is told of the work of its node, and says of it. What it says is kept until it is noted: of each lease the newest word, because
 * an older one is no longer true.
 */
export class WorkDesk {
  readonly #deps: WorkDeskDeps;
  readonly #telling = latestOnly<undefined>(() =>
    this.#attempt('telling work', () => this.#tell()),
  );
  readonly #assigning = latestOnly<undefined>(() =>
    this.#attempt('assigning work', () => this.#assign()),
  );
  readonly #noting = latestOnly<undefined>(() => this.#attempt('noting work', () => this.#note()));
  readonly #metering = latestOnly<undefined>(() =>
    this.#attempt('noting usage', () => this.#meter()),
  );
  readonly #needed = new Set<string>();
  readonly #words = new Map<string, LeaseReport>();
  #word: NodeWord | undefined;
  #usage: Usage[] = [];
  #told = -1;
  #isTold = true;

  constructor(deps: WorkDeskDeps) {
    this.#deps = deps;
  }

  /** Its work may be otherwise. */
  tell(): void {
    this.#isTold = false;
    this.#telling.offer(undefined);
  }

  need(leases: readonly string[]): void {
    for (const lease of leases) {
      if (this.#needed.size < MAX_WAITING_LEASES) this.#needed.add(lease);
    }
    this.#assigning.offer(undefined);
  }

  report({ leases, ...word }: WorkReport): void {
    this.#word = word;
    for (const lease of leases) {
      if (this.#words.size < MAX_WAITING_LEASES || this.#words.has(lease.lease)) {
        this.#words.set(lease.lease, lease);
      }
    }
    this.#noting.offer(undefined);
  }

  usage(usage: Usage): void {
    if (this.#usage.length >= MAX_WAITING_USAGE) return;
    this.#usage.push(usage);
    this.#metering.offer(undefined);
  }

  /** The database may be back. */
  again(): void {
    if (!this.#isTold) this.#telling.offer(undefined);
    if (this.#needed.size > 0) this.#assigning.offer(undefined);
    if (this.#word) this.#noting.offer(undefined);
    if (this.#usage.length > 0) this.#metering.offer(undefined);
  }

  async #tell(): Promise<void> {
    const { leases, send, nodeId, sessionId } = this.#deps;
    this.#isTold = true;
    try {
      const work = await leases.work({ nodeId, sessionId });
      if (!work || work.generation === this.#told) return;
      this.#told = work.generation;
      const { generation, dropVolumes } = work;
      send({ work: { generation, leases: [...work.leases], dropVolumes: [...dropVolumes] } });
    } catch (error) {
      this.#isTold = false;
      throw error;
    }
  }

  async #assign(): Promise<void> {
    const { leases, send, nodeId, sessionId } = this.#deps;
    const asked = [...this.#needed];
    for await (const assignment of leases.assignments({ nodeId, sessionId }, asked)) {
      this.#needed.delete(assignment.lease);
      const { ownerId: _, secrets, spec, ...rest } = assignment;
      const told = secrets.map(({ name, value }) => ({
        name,
        base64: Buffer.from(value).toString('base64'),
      }));
      const frame = { assign: { ...rest, spec: mutable(spec), secrets: told } };
      // One that is too long would end the connection, each time anew, and with it all else that runs there.
      if (Buffer.byteLength(JSON.stringify(frame)) > MAX_AGENT_FRAME_BYTES) {
        this.#deps.onTrouble(new RangeError('It is too long for a frame.'), 'assigning work');
      } else send(frame);
    }
    // Of those that are not its own any more, it hears by the next work.
    for (const lease of asked) this.#needed.delete(lease);
  }

  async #note(): Promise<void> {
    const { leases, nodeId, sessionId } = this.#deps;
    const [word, words] = [this.#word, [...this.#words.values()]];
    if (!word) return;
    await leases.report({ nodeId, sessionId }, word, words);
    if (this.#word === word) this.#word = undefined;
    for (const said of words) {
      if (this.#words.get(said.lease) === said) this.#words.delete(said.lease);
    }
  }

  async #meter(): Promise<void> {
    const { leases, send, nodeId, sessionId } = this.#deps;
    for (;;) {
      const [first] = this.#usage;
      if (!first) return;
      const records = first.records.map(({ from, to, ...record }) => ({
        ...record,
        from: new Date(from),
        to: new Date(to),
      }));
      await leases.noteUsage({ nodeId, sessionId }, records);
      this.#usage = this.#usage.filter((usage) => usage !== first);
      send({ usageNoted: { id: first.id } });
    }
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#deps.onTrouble(error, what);
    }
  }
}

/** The same, for a type that promises less. */
function mutable<T>(value: T): Mutable<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it goes into a frame, and nobody changes it on the way
  return value as Mutable<T>;
}

type Mutable<T> = T extends readonly (infer Item)[]
  ? Mutable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Mutable<T[Key]> }
    : T;
