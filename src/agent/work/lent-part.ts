import type {
  LeaseCgroup,
  LentCap,
  LentMachine,
} from '../../core/services/container/runtime.ports.js';
import type { Log } from '../log.js';
import type { CgroupFacts, CgroupRecord } from './cgroup-record.js';

/** What others may have changed (systemd writes its own limits to a slice that it makes known to itself) is set again after so long. */
const KEEP_MS = 30_000;
/** What runs may have less memory by then. */
const RETRY_MS = 5_000;
/** However much changes, leases are not gone through more often. */
const PAUSE_MS = 1_000;

/** The part of this machine that is lent, under that name, as an engine lets it be held. Undefined where it cannot be. */
export type OpenLent = (name: string, facts: CgroupFacts) => LentMachine | undefined;

export interface LentParts {
  /** Of the cgroup, one for each agent of a machine. */
  readonly name: string;
  readonly open: OpenLent | undefined;
  readonly record: CgroupRecord;
  /** Thousandths of a core of each lease, as it stands. */
  readonly promised: () => ReadonlyMap<string, number>;
  readonly log: Log;
}

/**
 * What the owner lends, kept to from the moment that it is known how the engine names cgroups: by what it said last, or when it answers. Limits are
 * set again now and then, whoever changed them.
 */
export class LentPart implements Pick<LentMachine, 'counters' | 'closeLease'> {
  readonly #parts: LentParts;
  #machine: LentMachine | undefined;
  #facts: CgroupFacts | undefined;
  #hasOpened = false;
  #cap: LentCap | undefined;
  /** As it was when the cap was set last. */
  #promised: ReadonlyMap<string, number> = new Map();
  #problem: string | undefined;
  #keptAtMs = -Infinity;
  #dueAtMs = -Infinity;

  constructor(parts: LentParts) {
    this.#parts = parts;
  }

  /** An engine answers. Another answer later changes nothing: cgroups are where they are. */
  async opened(facts: CgroupFacts): Promise<void> {
    if (this.#hasOpened) return;
    this.#hasOpened = true;
    const { log, record } = this.#parts;
    const { cgroup, cgroupDriver: driver } = facts;
    if (this.#facts?.cgroup !== cgroup || this.#facts.cgroupDriver !== driver) {
      this.#use(facts);
      await record.save(facts).catch((error: unknown) => {
        log.warn('how the engine names cgroups could not be kept', { reason: String(error) });
      });
    }
    if (this.#machine) return this.#keep();
    log.warn('nothing but their own limits holds containers to the offer of this machine', {
      cgroup,
      driver,
    });
  }

  /**
   * What is lent to all containers together. The first time also where no engine has answered yet. What cannot be kept to is told of, and tried again.
   * Never rejects.
   */
  async lend(cap: LentCap): Promise<void> {
    const isFirst = this.#cap === undefined;
    this.#cap = cap;
    if (isFirst && !this.#machine) await this.#recall();
    await this.#keep();
  }

  /** Makes sure of it again when that is due. Answers when it is due next. Never rejects. */
  async keep(nowMs: number): Promise<number> {
    if (!this.#cap || !this.#machine) return Infinity;
    const isOther = !isSame(this.#parts.promised(), this.#promised);
    const dueAtMs = Math.max(isOther ? -Infinity : this.#dueAtMs, this.#keptAtMs + PAUSE_MS);
    if (nowMs < dueAtMs) return dueAtMs;
    await this.#keep();
    this.#keptAtMs = nowMs;
    this.#dueAtMs = nowMs + (this.#problem === undefined ? KEEP_MS : RETRY_MS);
    return this.#dueAtMs;
  }

  /** An engine has put something into it, and others may have changed limits with that. */
  doubt(): void {
    this.#dueAtMs = -Infinity;
  }

  /** Undefined where there is no cgroup for it. */
  async openLease(lease: string, cpuMillis: number): Promise<LeaseCgroup | undefined> {
    return this.#machine?.openLease(lease, cpuMillis);
  }

  async counters(lease: string) {
    return this.#machine?.counters(lease);
  }

  /** None where there is no cgroup. */
  async busyIn(lease: string): Promise<readonly string[]> {
    return (await this.#machine?.busyIn(lease)) ?? [];
  }

  async endIn(lease: string, cgroup: string): Promise<void> {
    await this.#machine?.endIn(lease, cgroup);
  }

  async closeLease(lease: string): Promise<void> {
    await this.#machine?.closeLease(lease);
  }

  /**
   * After a start of the machine an engine may run containers again before anybody has set limits, and makes their cgroups without any. All of them are
   * made here with what each lease has, before it answers and, where this process comes first, before it has begun.
   */
  async #recall(): Promise<void> {
    const { record, promised, log } = this.#parts;
    const facts = await record.read();
    if (!facts || this.#machine) return;
    const machine = this.#use(facts);
    try {
      for (const [lease, cpuMillis] of promised()) await machine?.openLease(lease, cpuMillis);
    } catch (error) {
      log.warn('not all leases have their limits yet', { reason: String(error) });
    }
  }

  #use(facts: CgroupFacts): LentMachine | undefined {
    const { name, open } = this.#parts;
    this.#facts = facts;
    this.#machine = open?.(name, facts);
    return this.#machine;
  }

  async #keep(): Promise<void> {
    if (!this.#cap || !this.#machine) return;
    const { log, promised } = this.#parts;
    this.#promised = promised();
    try {
      await this.#machine.setCap(this.#cap, this.#promised);
      if (this.#problem !== undefined) log.info('the offer is a limit of this machine again');
      this.#problem = undefined;
    } catch (error) {
      const problem = String(error);
      if (problem !== this.#problem) {
        log.error('the offer could not be made a limit of this machine', { reason: problem });
      }
      this.#problem = problem;
    }
  }
}

function isSame(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}
