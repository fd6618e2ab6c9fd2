import type { UsageRecord } from '../../types/models/container.js';
import type { ContainerState, ContainerStore, LeaseWord, NodeRoom } from './container.ports.js';
import type {
  LeaseAssignment,
  LeaseStore,
  NodeWord,
  NodeWork,
  WorkSession,
} from './lease.ports.js';

import { noteSilence, noteWords } from './notes.js';
import { onward } from './rules.js';
import { secretsOf } from './defaults.js';

/** Pages of one sweep; the next takes up the rest. */
const MAX_PAGES = 20;
/** Nobody is called longer than that: a secret that is no `<user>:<password>` opens nothing. */
const MAX_USERNAME = 255;

/** What secrets of a member are, for the node that has to have them. */
export interface SecretValues {
  values(ownerId: string, names: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
}

interface Deps {
  readonly store: Pick<ContainerStore, 'alter' | 'place' | 'toTend' | 'waiting' | 'rooms'>;
  readonly leases: LeaseStore;
  readonly secrets: SecretValues;
  readonly newId: () => string;
  readonly now: () => Date;
  /** Told what could not be done of a sweep, which goes on. */
  readonly onTrouble: (error: unknown, container: string) => void;
}

/** An assignment with what it needs that others may not see. */
export interface FullAssignment extends LeaseAssignment {
  readonly secrets: readonly { readonly name: string; readonly value: Uint8Array }[];
  readonly registryAuth?: { readonly username: string; readonly password: string };
}

/** What nodes are told of containers and say of them, and what time makes of that. */
export class LeaseService {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  work(session: WorkSession): Promise<NodeWork | undefined> {
    return this.#deps.leases.work(session);
  }

  behind(daemonId: string, afterNodeId?: string): Promise<readonly WorkSession[]> {
    return this.#deps.leases.behind(daemonId, afterNodeId);
  }

  /** One after the other, because each may hold many secrets. What is not this node’s is passed over. */
  async *assignments(
    session: WorkSession,
    leases: readonly string[],
  ): AsyncIterable<FullAssignment> {
    for (const assignment of await this.#deps.leases.assignments(session, leases)) {
      yield await this.#withSecrets(assignment);
    }
  }

  /**
   * Notes what a node says of itself and its leases, and takes the steps that follow from it. That it has reached a generation is noted last: by
   * then all that it said of it is.
   */
  async report(session: WorkSession, word: NodeWord, words: readonly LeaseWord[]): Promise<void> {
    const { store, leases, now } = this.#deps;
    const owners = await leases.containersOf(
      session,
      words.map(({ lease }) => lease),
    );
    for (const id of new Set(owners.values())) {
      const own = words.filter(({ lease }) => owners.get(lease) === id);
      await store.alter(id, (state) => onward(noteWords(state, own, now()), now()));
    }
    await leases.noteNode(session, word);
  }

  noteUsage(session: WorkSession, records: readonly UsageRecord[]): Promise<void> {
    return this.#deps.leases.noteUsage(session, records);
  }

  /** Looks after containers whose nodes fell silent or went, and those that wait for a place. Answers how many. */
  async tend(): Promise<number> {
    const { store } = this.#deps;
    let count = 0;
    let last: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const ids = await store.toTend(last);
      for (const id of ids) await this.#tendOne(id);
      count += ids.length;
      last = ids.at(-1);
      if (last === undefined) break;
    }
    return count;
  }

  /**
   * Gives those a place that wait for one, as far as there is room. Those that have none cost a look, and nobody waits for a lock.
   * Answers how many are otherwise than before.
   */
  async seekRoom(signal: AbortSignal): Promise<number> {
    const { store } = this.#deps;
    const waiting = await store.waiting();
    if (waiting.length === 0) return 0;
    let rooms = await store.rooms();
    let count = 0;
    for (const state of waiting) {
      if (signal.aborted) break;
      if (!this.#gains(state, rooms)) continue;
      await this.#tendOne(state.container.id);
      rooms = await store.rooms();
      count += 1;
    }
    return count;
  }

  /** Whether it would be otherwise, by what rooms there were a moment ago. */
  #gains(before: ContainerState, rooms: readonly NodeRoom[]): boolean {
    const { newId, now } = this.#deps;
    const after = onward(before, now(), { rooms, newId, isRequired: false });
    return (
      after.leases.length > before.leases.length ||
      after.container.status !== before.container.status
    );
  }

  async #tendOne(id: string): Promise<void> {
    const { store, newId, now, onTrouble } = this.#deps;
    try {
      await store.place(id, (state, rooms) =>
        onward(noteSilence(state, now()), now(), { rooms, newId, isRequired: false }),
      );
    } catch (error) {
      // One that cannot be looked after does not keep the others from it.
      onTrouble(error, id);
    }
  }

  async #withSecrets(assignment: LeaseAssignment): Promise<FullAssignment> {
    const { spec, ownerId } = assignment;
    const values = await this.#deps.secrets.values(ownerId, secretsOf(spec));
    const secrets = spec.secrets.flatMap(({ name }) => {
      const value = values.get(name);
      return value ? [{ name, value }] : [];
    });
    const auth = spec.registryAuth === undefined ? undefined : values.get(spec.registryAuth);
    return { ...assignment, secrets, ...(auth ? { registryAuth: credentials(auth) } : {}) };
  }
}

/** `<user>:<password>`, of which the password may hold colons. */
function credentials(value: Uint8Array) {
  const text = new TextDecoder().decode(value).replace(/\r?\n$/, '');
  const at = text.indexOf(':');
  return at < 0
    ? { username: text.slice(0, MAX_USERNAME), password: '' }
    : { username: text.slice(0, Math.min(at, MAX_USERNAME)), password: text.slice(at + 1) };
}
