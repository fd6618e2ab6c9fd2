import type { ContainerRuntime, RunState } from '../../core/services/container/runtime.ports.js';
import type { Log } from '../log.js';
import type { LentPart } from './lent-part.js';

import { slept } from '../../core/utils/slept.js';

const LOOK_MS = 10_000;
/** An engine may be setting one up, or taking one away. */
const GRACE_MS = 20_000;
/** How engines name the cgroup of a container, or of its minder: `<id>`, `docker-<id>.scope`, `libpod-conmon-<id>`. */
const CONTAINER_ID = /[0-9a-f]{64}/;
/** In which an engine takes care of what runs. */
const MINDED: readonly RunState[] = ['running', 'restarting', 'stopping'];

export interface OrphanParts {
  /** Id of the node. */
  readonly node: string;
  readonly lent: Pick<LentPart, 'busyIn' | 'endIn'>;
  /** Undefined while no engine answers. */
  readonly runtime: () => Pick<ContainerRuntime, 'list'> | undefined;
  readonly leases: () => Iterable<string>;
  /** Something is being done to a lease from here. */
  readonly isBusy: (lease: string) => boolean;
  readonly log: Log;
}

/**
 * What runs in the cgroup of a lease and no engine knows of. One that is killed in the midst of a start or a removal may leave a container behind that it has
 * forgotten: it would run beside its successor, on the same volumes, until the lease ends.
 */
export class Orphans {
  readonly #parts: OrphanParts;
  /** Where something was seen, and since when. */
  #seen = new Map<string, number>();

  constructor(parts: OrphanParts) {
    this.#parts = parts;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await slept(LOOK_MS, signal);
      if (!signal.aborted) await this.look(performance.now());
    }
  }

  /** Ends what was there at earlier looks, too long ago for an engine to be still at it. Never rejects. */
  async look(nowMs: number): Promise<void> {
    const { lent, log } = this.#parts;
    const before = this.#seen;
    this.#seen = new Map();
    try {
      for (const { lease, cgroup } of await this.#unknown()) {
        const place = `${lease}/${cgroup}`;
        const sinceMs = before.get(place) ?? nowMs;
        this.#seen.set(place, sinceMs);
        if (nowMs - sinceMs < GRACE_MS) continue;
        log.warn('something ran on that the engine has forgotten, and is ended', { lease, cgroup });
        await lent.endIn(lease, cgroup);
      }
    } catch (error) {
      log.warn('what the engine may have forgotten could not be looked for', {
        reason: String(error),
      });
    }
  }

  /** Looked for before the list is asked for: what begins in between is in it. */
  async #unknown(): Promise<readonly { readonly lease: string; readonly cgroup: string }[]> {
    const { node, lent, runtime, leases, isBusy } = this.#parts;
    const engine = runtime();
    if (!engine) return [];
    const places = [];
    for (const lease of leases()) {
      for (const cgroup of await lent.busyIn(lease)) {
        const id = CONTAINER_ID.exec(cgroup)?.[0];
        if (id !== undefined) places.push({ lease, cgroup, id });
      }
    }
    if (places.length === 0) return [];
    const minded = new Set(
      (await engine.list(node)).filter(({ state }) => MINDED.includes(state)).map(({ id }) => id),
    );
    return places.filter(({ lease, id }) => !minded.has(id) && !isBusy(lease));
  }
}
