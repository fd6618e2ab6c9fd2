import type { SyntropyClient } from '../client/client.js';
import type { OperationInput } from '../contract/registry.js';

import { AppError } from '../core/types/errors/app-error.js';
import { errorCode } from '../core/types/errors/error-code.js';
import { slept } from '../core/utils/slept.js';

type Write = Omit<OperationInput<'containers.execInput'>, 'session' | 'seq'>;
type Size = NonNullable<Write['size']>;

/** In one call; its base64 is within what the contract takes. */
const MAX_WRITE_BYTES = 48 << 10;
/** What may wait here before no more is read from the terminal. */
const MAX_WAITING_BYTES = 256 << 10;
const RETRY_MS = 100;
/** Failures that pass by themselves, and for how long one may go on before all is lost. A silent daemon takes half a minute to be found silent. */
const PASSING: Readonly<Record<string, number>> = {
  DAEMON_UNREACHABLE: 5_000,
  DATABASE_UNAVAILABLE: 5_000,
  DAEMON_BUSY: 5_000,
  LIMIT_REACHED: 30_000,
  TIMED_OUT: 120_000,
};
/** Of those limits that a daemon tells. */
const MAX_TOLD_SECONDS = 300;

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
  readonly #over = new AbortController();

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
    this.#over.abort();
    this.#waiting = [];
  }

  get #isOver(): boolean {
    return this.#over.signal.aborted;
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

  /** Until the command has taken it, however long that takes: it may be at work, and read nothing meanwhile. */
  async #send(write: Write): Promise<void> {
    const input = { ...write, session: this.#session, seq: (this.#seq += 1) };
    let lostSince: number | undefined;
    for (let waitMs = 0; !this.#isOver; await slept(waitMs, this.#over.signal)) {
      waitMs = RETRY_MS;
      try {
        const { pending = false } = await this.#client.call('containers.execInput', input);
        if (!pending) return;
        lostSince = undefined;
      } catch (error) {
        const toldMs = toldWaitMs(error);
        if (toldMs !== undefined) {
          // The daemon is there, and says when.
          lostSince = undefined;
          waitMs = toldMs;
          continue;
        }
        lostSince ??= Date.now();
        const lastsMs = PASSING[errorCode(error) ?? ''];
        if (lastsMs === undefined || Date.now() - lostSince > lastsMs) throw error;
      }
    }
  }
}

/** How long whoever asks too much is told to wait. */
function toldWaitMs(error: unknown): number | undefined {
  if (!(error instanceof AppError) || error.code !== 'RATE_LIMITED') return undefined;
  const seconds = Number(error.details['retryAfterSeconds'] ?? 1);
  return Math.min(Number.isFinite(seconds) ? Math.max(seconds, 1) : 1, MAX_TOLD_SECONDS) * 1_000;
}

export interface ExecInputHooks {
  /** Too much waits: read no more. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** It could not be written. */
  readonly fail: (error: unknown) => void;
}
