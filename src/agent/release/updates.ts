import type { Desired } from '../../contract/agent/protocol.js';
import type { Membership } from '../agent-files.js';
import type { Log } from '../log.js';
import type { ReleaseHome } from './home.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { slept } from '../../core/utils/slept.js';
import { mayPass } from '../passing.js';
import { fetchFiles, fetchManifest } from './fetch.js';

/** With these many the last pause is some minutes, and all of them take about an hour. */
const MAX_TRIES = 16;
const FIRST_PAUSE_MS = 5_000;
const LAST_PAUSE_MS = 300_000;

export type Update = NonNullable<Desired['update']>;

export interface UpdatesParts {
  readonly home: ReleaseHome;
  readonly membership: Membership;
  readonly version: string;
  readonly platform: string;
  readonly log: Log;
  /** Aborts when this process is to end. */
  readonly signal: AbortSignal;
  /** The new release is current: whoever started this process is to start it anew. */
  readonly onReplaced: () => void;
  readonly random?: () => number;
}

/** Replaces this agent by another version of itself. The newest order counts; one that came to nothing is not tried again. */
export class Updates {
  readonly #parts: UpdatesParts;
  #latest:
    | { readonly order: number; readonly abort: AbortController; readonly done: Promise<void> }
    | undefined;
  #failed: (Update & { readonly why: string }) | undefined;
  #isReplaced = false;

  constructor(parts: UpdatesParts) {
    this.#parts = parts;
  }

  /** Looks at what became of the last one. Call it before anything else. */
  async begin(): Promise<void> {
    const failed = await this.#parts.home.failed();
    if (!failed) return;
    const { version, order, from } = failed;
    this.#failed = { version, order, why: `${version} did not come back, so ${from} runs again.` };
  }

  /** Why an order came to nothing. */
  failure({ version, order }: Update): string | undefined {
    const failed = this.#failed;
    return failed?.order === order && failed.version === version ? failed.why : undefined;
  }

  /**
   * Resolves when the new release is the current one, or another order has taken the place of this one. What may pass is tried again for
   * about an hour.
   * @throws {AppError} why it is not; then nothing has changed.
   */
  apply(update: Update): Promise<void> {
    if (this.#latest?.order === update.order) return this.#latest.done;
    this.cancel();
    const before = this.#latest?.done.catch(() => undefined) ?? Promise.resolve();
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#parts.signal]);
    const done = before
      .then(() => this.#applyPatiently(update, signal))
      .catch((error: unknown) => {
        // Nobody wants it any more.
        if (signal.aborted) return;
        this.#failed = { ...update, why: reasonOf(error) };
        throw error;
      });
    this.#latest = { order: update.order, abort, done };
    return done;
  }

  /** Nothing else is wanted than what runs. What is current already stays so. */
  cancel(): void {
    this.#latest?.abort.abort();
  }

  async #applyPatiently(update: Update, signal: AbortSignal): Promise<void> {
    const { log, random = Math.random } = this.#parts;
    for (let tries = 1; !this.#isReplaced; tries += 1) {
      try {
        return await this.#apply(update, signal);
      } catch (error) {
        const isPassing = error instanceof AppError && mayPass(error.code);
        if (!isPassing || tries >= MAX_TRIES || signal.aborted) throw error;
        log.warn('another version could not be had yet', { reason: error.message });
      }
      // With jitter: a thousand that were told at once are not to come at once again.
      const longest = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries);
      await slept(longest * (0.5 + random() / 2), signal);
    }
  }

  async #apply({ version, order }: Update, signal: AbortSignal): Promise<void> {
    const { home, membership, platform, log, onReplaced } = this.#parts;
    const { caCertificate } = membership;
    log.info('fetches another version of itself', { version });
    const source = { url: new URL(membership.url), caCertificate, signal };
    const { text, release } = await fetchManifest(source, version, platform);
    const folder = await home.stage();
    await fetchFiles(source, release.files, folder, home.current);
    const id = await home.place(folder, text, version);
    signal.throwIfAborted();
    await home.beginTrial({ version, order, from: this.#parts.version, id });
    await home.use(id);
    log.warn('another version of this agent takes over', { version });
    this.#isReplaced = true;
    onReplaced();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof AppError ? error.message : String(error);
}
