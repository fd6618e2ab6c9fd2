import type { Logger } from 'pino';

import type { Beat } from '../../core/services/node/agent.ports.js';
import type { MachineStore } from '../../core/services/node/machine.ports.js';

import { type Ailment, AilmentWatch } from '../../core/utils/node-ailments.js';

interface Watched {
  readonly watch: AilmentWatch;
  /** What is noted of it, as one text. */
  noted: string;
  isNoting: boolean;
}

/** Watches the machines that are connected to this daemon, and notes when one falls ill or gets well. */
export class Ailments {
  readonly #store: Pick<MachineStore, 'ail'>;
  readonly #log: Logger;
  readonly #sessions = new Map<string, Watched>();

  constructor(store: Pick<MachineStore, 'ail'>, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** @param ailments - what is noted of the machine from before. */
  begin(sessionId: string, ailments: readonly Ailment[]): void {
    const watch = new AilmentWatch(ailments);
    this.#sessions.set(sessionId, { watch, noted: ailments.join(), isNoting: false });
  }

  heard({ sessionId, sample, skewMs }: Beat): void {
    const session = this.#sessions.get(sessionId);
    if (!session) return;
    const ailments = session.watch.observe({ sample, skewMs });
    if (ailments.join() === session.noted || session.isNoting) return;
    void this.#note(sessionId, session, ailments);
  }

  forget(sessionId: string): void {
    this.#sessions.delete(sessionId);
  }

  /** What cannot be noted now is noted after the next heartbeat. */
  async #note(sessionId: string, session: Watched, ailments: readonly Ailment[]): Promise<void> {
    session.isNoting = true;
    try {
      await this.#store.ail(sessionId, ailments);
      session.noted = ailments.join();
    } catch (error) {
      this.#log.warn({ err: error }, 'what is wrong with a node could not be noted');
    } finally {
      session.isNoting = false;
    }
  }
}
