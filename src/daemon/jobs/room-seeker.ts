import type { Logger } from 'pino';

import type { LeaseService } from '../../core/services/container/lease.service.js';
import type { EventType } from '../../core/types/models/event.js';

import { latestOnly } from '../../core/utils/latest-only.js';
import { slept } from '../../core/utils/slept.js';

/** Between two looks: what happens meanwhile is seen by the next one, however much it is. */
const PAUSE_MS = 250;
/** Events after which a node may have room that it did not have, or a replica has lost its place. */
const ROOM: ReadonlySet<string> = new Set<EventType>([
  'container.replica-changed',
  'container.replica-lost',
  'container.status-changed',
  'node.updated',
  'node.status-changed',
  'node.undrained',
  'node.engine-changed',
  'node.removed',
  'node.retired',
]);

export interface RoomSeekerDeps {
  readonly leases: Pick<LeaseService, 'seekRoom'>;
  /** One daemon of the grid is enough: all of them hear of the same. */
  readonly leads: () => boolean;
  readonly log: Logger;
}

/** Has replicas that wait for room placed as soon as there may be some, and not only when the clock says so. */
export class RoomSeeker {
  readonly #deps: RoomSeekerDeps;
  readonly #closing = new AbortController();
  readonly #seeking = latestOnly<undefined>(() => this.#seek());

  constructor(deps: RoomSeekerDeps) {
    this.#deps = deps;
  }

  /** Told what has happened, here or elsewhere; nothing when it is not known what. */
  onEvent(type: string | undefined): void {
    if (this.#closing.signal.aborted) return;
    if (type === undefined || ROOM.has(type)) this.#seeking.offer(undefined);
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#seeking.settled();
  }

  async #seek(): Promise<void> {
    const { leases, leads, log } = this.#deps;
    const { signal } = this.#closing;
    if (signal.aborted || !leads()) return;
    try {
      await leases.seekRoom(signal);
    } catch (error) {
      // The next look after containers finds the same.
      log.warn({ err: error }, 'looking for room failed');
    }
    await slept(PAUSE_MS, signal);
  }
}
