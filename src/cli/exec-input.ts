import { setTimeout as pause } from 'node:timers/promises';

import type { SyntropyClient } from '../client/client.js';
import type { OperationInput } from '../contract/registry.js';

import { errorCode } from '../core/types/errors/error-code.js';

type Write = Omit<OperationInput<'containers.execInput'>, 'session' | 'seq'>;
type Size = NonNullable<Write['size']>;

/** In one call; its base64 is within what the contract takes. */
const MAX_WRITE_BYTES = 48 << 10;
/** What may wait here before no more is read from the terminal. */
const MAX_WAITING_BYTES = 256 << 10;
const RETRY_MS = 100;
const LOST_AFTER_MS = 5_000;
const PASSING: readonly (string | undefined)[] = [
  'DAEMON_UNREACHABLE',
  'DATABASE_UNAVAILABLE',
  'RATE_LIMITED',
  'DAEMON_BUSY',
];

/**
 * Writes to a command that runs in a container. One call is under way at a time, and what comes meanwhile goes with the next one: so the
 * order is kept, and a daemon far away is not asked once for each key. Numbers make a repeated call happen once.
 */
export class ExecInput {
  readonly #client: SyntropyClient;
  readonly #session: string;
  readonly #hooks: ExecInputHooks;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #size: Size | undefined;
  #end = false;
  #seq = 0;
  #isWriting = false;
  #isOver = false;

  constructor(client: SyntropyClient, session: string, hooks: ExecInputHooks) {
    this.#client = client;
    this.#session = session;
    this.#hooks = hooks;
  }

  write(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#hooks.pause();
    void this.#work();
  }

  /** Nothing more will be written. */
  end(): void {
    this.#end = true;
    void this.#work();
  }

  /** Only the last size matters. */
  resize(size: Size): void {
    this.#size = size;
    void this.#work();
  }

  /** The command has ended: what waits is for nobody. */
  stop(): void {
    this.#isOver = true;
    this.#waiting = [];
  }

  async #work(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        await this.#send(next);
        if (this.#waitingBytes <= MAX_WAITING_BYTES / 2) this.#hooks.resume();
      }
    } catch (error) {
      const hasEnded = errorCode(error) === 'CONTAINER_NOT_RUNNING';
      // That it has ended, and how, is told by its outputs.
      if (!hasEnded && !this.#isOver) this.#hooks.fail(error);
      this.stop();
    } finally {
      this.#isWriting = false;
    }
  }

  /** All that waits, up to what one call takes. */
  #next(): Write | undefined {
    if (this.#isOver) return undefined;
    const all = Buffer.concat(this.#waiting);
    const bytes = all.subarray(0, MAX_WRITE_BYTES);
    const rest = all.subarray(MAX_WRITE_BYTES);
    this.#waiting = rest.length > 0 ? [rest] : [];
    this.#waitingBytes = rest.length;
    const size = this.#size;
    this.#size = undefined;
    const end = this.#end && rest.length === 0;
    if (end) this.#end = false;
    if (bytes.length === 0 && size === undefined && !end) return undefined;
    return {
      ...(bytes.length === 0 ? {} : { base64: bytes.toString('base64') }),
      ...(size === undefined ? {} : { size }),
      ...(end ? { end } : {}),
    };
  }

  async #send(write: Write): Promise<void> {
    const input = { ...write, session: this.#session, seq: (this.#seq += 1) };
    const since = Date.now();
    for (;;) {
      try {
        await this.#client.call('containers.execInput', input);
        return;
      } catch (error) {
        const passes = PASSING.includes(errorCode(error)) && !this.#isOver;
        if (!passes || Date.now() - since > LOST_AFTER_MS) throw error;
      }
      await pause(RETRY_MS);
    }
  }
}

export interface ExecInputHooks {
  /** Too much waits: read no more. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** It could not be written. */
  readonly fail: (error: unknown) => void;
}
