import { randomUUID } from 'node:crypto';

import type { ObjectKind } from '../../contract/operation.js';
import type { Named } from '../../core/types/models/member.js';
import type { AuditEntry } from '../../core/types/models/audit.js';
import type { Subject } from '../subject.js';

/** Failed sign-ins and the like, from anyone: so many a minute are told one by one, the rest is counted. */
const ANONYMOUS_PER_MINUTE = 30;
const MINUTE_MS = 60_000;
/** An entry says what was named, not everything that somebody chose to send. */
const MAX_REF_CHARACTERS = 255;
const MAX_REMARK_CHARACTERS = 1_000;

/** What is stored. Implemented by core/storage/postgres/audit.repository.ts. */
export interface AuditStore {
  /** Notes a call that is about to run, outside of the chain. */
  begin(id: string, entry: AuditEntry): Promise<void>;
  /** Appends to the chain; with `pending`, in place of what was noted. */
  append(entry: AuditEntry, pending?: string): Promise<void>;
}

export interface AuditedCall {
  readonly subject: Subject;
  readonly source: string;
  readonly operation: string;
  readonly requestId: string;
  /** Success is not worth an entry. */
  readonly quiet: boolean;
  readonly object?: { readonly kind: ObjectKind; readonly ref: string };
}

/** Learnt while the call runs: who signed in, which object was made. */
export interface AuditNote {
  readonly member?: Named;
  readonly object?: { readonly kind: ObjectKind; readonly ref: string };
  readonly remark?: string;
}

/**
 * Tells of every change and every refusal. A change is noted before it is made and entered in the chain before it is answered: one
 * that a crash cut off is entered by the daemon that finds its note, as `unknown`.
 */
export class AuditTrail {
  readonly #store: AuditStore;
  readonly #now: () => Date;
  #minute = 0;
  #told = 0;
  #suppressed = 0;

  constructor(deps: { readonly store: AuditStore; readonly now: () => Date }) {
    this.#store = deps.store;
    this.#now = deps.now;
  }

  /** Runs a change under a note. The outcome is entered whether it succeeds or not. */
  async change<T>(
    call: AuditedCall,
    run: (note: (learnt: AuditNote) => void) => Promise<T>,
    codeOf: (error: unknown) => string,
  ): Promise<T> {
    let learnt: AuditNote = {};
    const note = (more: AuditNote) => {
      learnt = { ...learnt, ...more };
    };
    // Nobody in particular changes nothing but what signing in changes, and could otherwise fill the log.
    if (call.subject.via === 'none') return this.#signIn(call, () => learnt, run(note), codeOf);
    if (call.quiet) return this.#unlessFailed(call, () => learnt, run(note), codeOf);
    const pending = randomUUID();
    await this.#store.begin(pending, this.#entry(call, 'unknown'));
    let outcome = 'ok';
    try {
      return await run(note);
    } catch (error) {
      outcome = codeOf(error);
      throw error;
    } finally {
      await this.#store.append(this.#entry(call, outcome, learnt), pending);
    }
  }

  /** Enters a call that was refused before it ran. Not for those who showed nothing: they were never let in. */
  async denied(call: AuditedCall, code: string): Promise<void> {
    if (call.subject.via !== 'none') await this.#store.append(this.#entry(call, code));
  }

  /** What happens too often to be told, such as each key that is typed into a command. */
  async #unlessFailed<T>(
    call: AuditedCall,
    learnt: () => AuditNote,
    running: Promise<T>,
    codeOf: (error: unknown) => string,
  ): Promise<T> {
    try {
      return await running;
    } catch (error) {
      await this.#store.append(this.#entry(call, codeOf(error), learnt()));
      throw error;
    }
  }

  async #signIn<T>(
    call: AuditedCall,
    learnt: () => AuditNote,
    running: Promise<T>,
    codeOf: (error: unknown) => string,
  ): Promise<T> {
    try {
      const result = await running;
      if (!call.quiet) await this.#store.append(this.#entry(call, 'ok', learnt()));
      return result;
    } catch (error) {
      if (this.#mayTell()) {
        const suppressed = this.#suppressed;
        this.#suppressed = 0;
        await this.#store.append({
          ...this.#entry(call, codeOf(error), learnt()),
          ...(suppressed === 0 ? {} : { suppressed }),
        });
      }
      throw error;
    }
  }

  #mayTell(): boolean {
    const minute = Math.floor(this.#now().getTime() / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#told = 0;
    }
    this.#told += 1;
    if (this.#told <= ANONYMOUS_PER_MINUTE) return true;
    this.#suppressed += 1;
    return false;
  }

  #entry(call: AuditedCall, outcome: string, learnt: AuditNote = {}): AuditEntry {
    const { subject } = call;
    const member = learnt.member ?? (subject.via === 'none' ? undefined : subject);
    const object = learnt.object ?? call.object;
    return {
      at: this.#now().toISOString(),
      ...(member ? { member: { id: member.id, name: member.name } } : {}),
      ...(subject.actor ? { actor: subject.actor } : {}),
      via: subject.via,
      source: call.source,
      operation: call.operation,
      ...(object
        ? { object: { kind: object.kind, ref: object.ref.slice(0, MAX_REF_CHARACTERS) } }
        : {}),
      outcome,
      requestId: call.requestId,
      ...(learnt.remark ? { remark: learnt.remark.slice(0, MAX_REMARK_CHARACTERS) } : {}),
    };
  }
}
