import { randomUUID } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

import type { Post } from './post.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { isErrorCode } from '../../core/types/errors/codes.js';
import { ended, type ExecInput, type ExecSession } from './exec-session.js';

/** For another daemon to say that it has the command. */
const SEEK_MS = 3_000;
/** For it to say what became of a write, which it does in 20 s. */
const WRITE_MS = 25_000;
/** Sessions elsewhere whose daemons are remembered. */
const MAX_KNOWN = 1_024;
/** Writes through this daemon, of which one side waits for the other. */
const MAX_UNDER_WAY = 256;
/** Of base64, in one letter. A multiple of four. */
const PART = 5_464;
const MAX_BASE64 = 90_000;

const exact = { additionalProperties: false };
const Id = Type.String({ maxLength: 64 });
const Size = Type.Object({ columns: Type.Integer(), rows: Type.Integer() }, exact);

/** What daemons tell each other of writes to commands. */
const Letter = Type.Object(
  {
    from: Id,
    ref: Id,
    exec: Type.Union([
      Type.Object({ seek: Id }, exact),
      Type.Object({ found: Id }, exact),
      /** More of the same write follows. */
      Type.Object({ part: Type.String({ maxLength: PART }) }, exact),
      Type.Object(
        {
          write: Type.Object(
            {
              session: Id,
              member: Type.String({ maxLength: 64 }),
              seq: Type.Integer({ minimum: 1 }),
              base64: Type.Optional(Type.String({ maxLength: PART })),
              end: Type.Optional(Type.Boolean()),
              size: Type.Optional(Size),
            },
            exact,
          ),
        },
        exact,
      ),
      Type.Object(
        { done: Type.Object({ code: Type.String(), message: Type.String() }, exact) },
        exact,
      ),
      /** It is here, and the command has not taken it. */
      Type.Object({ pending: Id }, exact),
    ]),
  },
  exact,
);
type Exec = Static<typeof Letter>['exec'];
const letterCheck = Compile(Letter);

export interface ExecDeskDeps {
  readonly daemonId: string;
  readonly post: Pick<Post, 'send'>;
  /** Every daemon of the grid that is alive. */
  readonly daemons: () => Promise<readonly string[]>;
}

/** The commands whose output is read here, and the way to those that are read at another daemon: whoever types may reach any of them. */
export class ExecDesk {
  readonly #deps: ExecDeskDeps;
  readonly #sessions = new Map<string, ExecSession>();
  /** Daemons of sessions elsewhere. */
  readonly #known = new Map<string, string>();
  readonly #seeking = new Map<string, Promise<string | undefined>>();
  readonly #asked = new Map<string, (exec: Exec, from: string) => void>();
  /** Writes of which the last part has not come. */
  readonly #parts = new Map<string, string>();

  constructor(deps: ExecDeskDeps) {
    this.#deps = deps;
  }

  /** Names a command, so that it can be written to. */
  add(session: ExecSession): string {
    const id = randomUUID();
    this.#sessions.set(id, session);
    return id;
  }

  remove(id: string): void {
    this.#sessions.get(id)?.close();
    this.#sessions.delete(id);
  }

  /** As `ExecSession.write`. @throws {AppError} CONTAINER_NOT_RUNNING, also for another member's; INPUT_INVALID, LIMIT_REACHED, TIMED_OUT. */
  async write(id: string, memberId: string, input: ExecInput): Promise<boolean> {
    const session = this.#sessions.get(id);
    if (session) return this.#own(session, memberId).write(input);
    const daemonId = this.#known.get(id) ?? (await this.#sought(id));
    if (daemonId === undefined) throw ended();
    return this.#writeAt(daemonId, id, memberId, input);
  }

  /** What another daemon has said. */
  receive(letter: unknown): void {
    if (!letterCheck.Check(letter)) return;
    const { from, ref, exec } = letter;
    if ('seek' in exec) {
      if (this.#sessions.has(exec.seek)) this.#say(from, ref, { found: exec.seek });
    } else if ('part' in exec) {
      this.#keep(`${from} ${ref}`, exec.part);
    } else if ('write' in exec) {
      void this.#serve(from, ref, exec.write);
    } else {
      this.#asked.get(ref)?.(exec, from);
    }
  }

  #own(session: ExecSession, memberId: string): ExecSession {
    if (session.memberId === memberId) return session;
    throw ended();
  }

  /** Asked once for however many writes wait for the answer. */
  #sought(id: string): Promise<string | undefined> {
    const known = this.#seeking.get(id);
    if (known) return known;
    const seeking = this.#seek(id).finally(() => this.#seeking.delete(id));
    this.#seeking.set(id, seeking);
    return seeking;
  }

  async #seek(id: string): Promise<string | undefined> {
    const daemons = await this.#deps.daemons();
    const others = daemons.filter((daemonId) => daemonId !== this.#deps.daemonId);
    if (others.length === 0) return undefined;
    const ask = (ref: string) => {
      for (const daemonId of others) this.#say(daemonId, ref, { seek: id });
    };
    const found = await this.#answer(ask, SEEK_MS);
    if (!found || !others.includes(found.from)) return undefined;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= MAX_KNOWN) this.#known.delete(oldest);
    this.#known.set(id, found.from);
    return found.from;
  }

  async #writeAt(to: string, session: string, member: string, input: ExecInput): Promise<boolean> {
    const { base64 = '', ...rest } = input;
    const send = (ref: string) => {
      let at = 0;
      for (; base64.length - at > PART; at += PART) {
        this.#say(to, ref, { part: base64.slice(at, at + PART) });
      }
      const last = base64.length > at ? { base64: base64.slice(at) } : {};
      this.#say(to, ref, { write: { session, member, ...rest, ...last } });
    };
    const answer = await this.#answer(send, WRITE_MS);
    if (answer && 'pending' in answer.exec) return false;
    if (!answer || !('done' in answer.exec)) {
      throw new AppError('TIMED_OUT', 'The daemon that runs this command has not answered.');
    }
    const { code, message } = answer.exec.done;
    if (code === '') return true;
    if (code === 'CONTAINER_NOT_RUNNING') this.#known.delete(session);
    throw new AppError(isErrorCode(code) ? code : 'INTERNAL', message);
  }

  async #serve(
    from: string,
    ref: string,
    { session: id, member, base64, ...rest }: Extract<Exec, { write: unknown }>['write'],
  ): Promise<void> {
    const before = this.#parts.get(`${from} ${ref}`) ?? '';
    this.#parts.delete(`${from} ${ref}`);
    const all = `${before}${base64 ?? ''}`;
    try {
      const session = this.#sessions.get(id);
      if (!session) throw ended();
      const input = { ...rest, ...(all === '' ? {} : { base64: all }) };
      const isTaken = await this.#own(session, member).write(input);
      this.#say(from, ref, isTaken ? { done: { code: '', message: '' } } : { pending: id });
    } catch (error) {
      const told = error instanceof AppError ? error : new AppError('INTERNAL', 'It hit a bug.');
      this.#say(from, ref, { done: { code: told.code, message: told.message } });
    }
  }

  /** Of one that never ends the oldest is forgotten: its daemon is gone. */
  #keep(key: string, part: string): void {
    const text = `${this.#parts.get(key) ?? ''}${part}`;
    if (text.length > MAX_BASE64) return;
    const [oldest] = this.#parts.keys();
    if (oldest !== undefined && this.#parts.size >= MAX_UNDER_WAY) this.#parts.delete(oldest);
    this.#parts.set(key, text);
  }

  async #answer(
    ask: (ref: string) => void,
    timeoutMs: number,
  ): Promise<{ readonly exec: Exec; readonly from: string } | undefined> {
    if (this.#asked.size >= MAX_UNDER_WAY) {
      throw new AppError('LIMIT_REACHED', 'Too much is written to commands elsewhere at once.');
    }
    const ref = randomUUID();
    const { promise, resolve } = Promise.withResolvers<
      { readonly exec: Exec; readonly from: string } | undefined
    >();
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    this.#asked.set(ref, (exec, from) => resolve({ exec, from }));
    try {
      ask(ref);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#asked.delete(ref);
    }
  }

  #say(to: string, ref: string, exec: Exec): void {
    this.#deps.post.send(to, { from: this.#deps.daemonId, ref, exec });
  }
}
