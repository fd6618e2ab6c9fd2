import type { ChannelHandle } from './channel.js';

import { MAX_AHEAD } from '../../contract/agent/channel.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { slept } from '../../core/utils/slept.js';

/** A command may be at work for hours and read nothing: whoever writes is answered before he, or what lies between, takes us for dead. */
const PATIENCE_MS = 20_000;
/** Writes that came before an earlier one, at most. */
const MAX_EARLY = 16;
/** Base64 comes in groups of four characters, each three bytes. */
const GROUP = { characters: 4, bytes: 3 };

/** One write to a command. */
export interface ExecInput {
  readonly seq: number;
  readonly base64?: string;
  readonly end?: boolean;
  readonly size?: { readonly columns: number; readonly rows: number };
}

interface Write {
  readonly input: ExecInput;
  readonly done: PromiseWithResolvers<void>;
}

/** What is written to one command: each write once, in the order of their numbers, and no faster than the command takes it. */
export class ExecSession {
  readonly memberId: string;
  readonly #handle: ChannelHandle;
  readonly #chunk: number;
  /** Not done yet, by their numbers. */
  readonly #writes = new Map<number, Write>();
  #done = 0;
  #ahead = 0;
  #isWriting = false;
  #isOver = false;
  #room = Promise.withResolvers<void>();

  constructor(memberId: string, handle: ChannelHandle, chunk: number) {
    this.memberId = memberId;
    this.#handle = handle;
    this.#chunk = chunk;
  }

  /**
   * Resolves true when it is on its way to the command, false when that has to wait for longer than anybody should be kept waiting: the same again waits on.
   * @throws {AppError} CONTAINER_NOT_RUNNING, INPUT_INVALID.
   */
  async write(input: ExecInput): Promise<boolean> {
    const { seq } = input;
    if (this.#isOver) throw ended();
    if (seq <= this.#done) return true;
    const known = this.#writes.get(seq);
    if (known) return inTime(known);
    if (seq > this.#done + MAX_EARLY) {
      throw new AppError('INPUT_INVALID', `"seq" is ${seq}, and ${this.#done + 1} is next.`, {
        field: 'seq',
      });
    }
    const write = { input, done: Promise.withResolvers<void>() };
    this.#writes.set(seq, write);
    void this.#writeAll();
    return inTime(write);
  }

  /** The command has taken so many more feeds. */
  taken(count: number): void {
    this.#ahead -= count;
    this.#room.resolve();
  }

  /** The command has ended, or nobody reads what it says. */
  close(): void {
    this.#isOver = true;
    this.#room.resolve();
    for (const { done } of this.#writes.values()) done.reject(ended());
    this.#writes.clear();
  }

  async #writeAll(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    for (let next = this.#next(); next; next = this.#next()) {
      await this.#write(next.input);
      if (this.#isOver) break;
      this.#done = next.input.seq;
      this.#writes.delete(next.input.seq);
      next.done.resolve();
    }
    this.#isWriting = false;
  }

  #next(): Write | undefined {
    return this.#writes.get(this.#done + 1);
  }

  async #write({ base64 = '', end, size }: ExecInput): Promise<void> {
    const most = Math.floor(this.#chunk / GROUP.bytes) * GROUP.characters;
    for (let at = 0; at < base64.length; at += most) {
      await this.#feed({ base64: base64.slice(at, at + most) });
    }
    if (end || size) await this.#feed({ ...(end ? { end } : {}), ...(size ? { size } : {}) });
  }

  async #feed(feed: Parameters<ChannelHandle['feed']>[0]): Promise<void> {
    while (this.#ahead >= MAX_AHEAD && !this.#isOver) {
      this.#room = Promise.withResolvers();
      await this.#room.promise;
    }
    if (this.#isOver) return;
    this.#ahead += 1;
    this.#handle.feed(feed);
  }
}

async function inTime({ done: { promise } }: Write): Promise<boolean> {
  const patience = new AbortController();
  const late = slept(PATIENCE_MS, patience.signal).then(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    patience.abort();
  }
}

/** @returns what is said of a command that nobody here runs, or that is another member's. */
export function ended(): AppError {
  return new AppError('CONTAINER_NOT_RUNNING', 'This command runs no more.');
}
