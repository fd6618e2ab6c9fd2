import type {
  LeaseCgroup,
  LentCap,
  LentMachine,
  RuntimeFacts,
} from '../../core/services/container/runtime.ports.js';
import type { Log } from '../log.js';

/** The part of this machine that is lent, under that name, as an engine lets it be held. Undefined where it cannot be. */
export type OpenLent = (name: string, facts: RuntimeFacts) => LentMachine | undefined;

/** What the owner lends, kept to from the moment that an engine answers: how cgroups are named is the engine's to say. */
export class LentPart implements Pick<LentMachine, 'counters' | 'closeLease'> {
  readonly #name: string;
  readonly #open: OpenLent | undefined;
  readonly #promised: () => ReadonlyMap<string, number>;
  readonly #log: Log;
  #machine: LentMachine | undefined;
  #hasOpened = false;
  #cap: LentCap | undefined;

  /**
   * @param name - of the cgroup, one for each agent of a machine.
   * @param promised - thousandths of a core of each lease, as it stands.
   */
  constructor(
    name: string,
    open: OpenLent | undefined,
    promised: () => ReadonlyMap<string, number>,
    log: Log,
  ) {
    this.#name = name;
    this.#open = open;
    this.#promised = promised;
    this.#log = log;
  }

  /** An engine answers. Another answer later changes nothing: cgroups are where they are. */
  async opened(facts: RuntimeFacts): Promise<void> {
    if (this.#hasOpened) return;
    this.#hasOpened = true;
    this.#machine = this.#open?.(this.#name, facts);
    if (this.#machine) return this.#keep();
    this.#log.warn('nothing but their own limits holds containers to the offer of this machine', {
      cgroup: facts.cgroup,
      driver: facts.cgroupDriver,
    });
  }

  /** What is lent to all containers together. What cannot be kept to is told of: their own limits hold still. Never rejects. */
  async lend(cap: LentCap): Promise<void> {
    this.#cap = cap;
    await this.#keep();
  }

  /** Undefined where there is no cgroup for it. */
  async openLease(lease: string, cpuMillis: number): Promise<LeaseCgroup | undefined> {
    return this.#machine?.openLease(lease, cpuMillis);
  }

  async counters(lease: string) {
    return this.#machine?.counters(lease);
  }

  async closeLease(lease: string): Promise<void> {
    await this.#machine?.closeLease(lease);
  }

  async #keep(): Promise<void> {
    if (!this.#cap || !this.#machine) return;
    try {
      await this.#machine.setCap(this.#cap, this.#promised());
    } catch (error) {
      this.#log.error('the offer could not be made a limit of this machine', {
        reason: String(error),
      });
    }
  }
}
