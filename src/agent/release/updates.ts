import type { Desired } from '../../contract/agent/protocol.js';
import type { Membership } from '../agent-files.js';
import type { Log } from '../log.js';
import type { ReleaseHome } from './home.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { fetchFiles, fetchManifest } from './fetch.js';

export type Update = NonNullable<Desired['update']>;

export interface UpdatesParts {
  readonly home: ReleaseHome;
  readonly membership: Membership;
  readonly version: string;
  readonly platform: string;
  readonly log: Log;
  /** The new release is current: whoever started this process is to start it anew. */
  readonly onReplaced: () => void;
}

/** Replaces this agent by another version of itself. One at a time; an order that came to nothing is not tried again. */
export class Updates {
  readonly #parts: UpdatesParts;
  #latest: { readonly order: number; readonly done: Promise<void> } | undefined;
  #isReplaced = false;
  #failed: { readonly order: number; readonly why: string } | undefined;

  constructor(parts: UpdatesParts) {
    this.#parts = parts;
  }

  /** Looks at what became of the last one. Call it before anything else. */
  async begin(): Promise<void> {
    const failed = await this.#parts.home.failed();
    if (!failed) return;
    const why = `${failed.version} did not come back, so ${failed.from} runs again.`;
    this.#failed = { order: failed.order, why };
  }

  /** Why an order came to nothing. */
  failure({ order }: Update): string | undefined {
    return this.#failed?.order === order ? this.#failed.why : undefined;
  }

  /**
   * Resolves when the new release is the current one. An order that comes meanwhile is done after it.
   * @throws {AppError} why it is not; then nothing has changed.
   */
  apply(update: Update): Promise<void> {
    if (this.#latest?.order === update.order) return this.#latest.done;
    const before = this.#latest?.done.catch(() => undefined) ?? Promise.resolve();
    const done = before
      .then(() => this.#apply(update))
      .catch((error: unknown) => {
        this.#failed = { order: update.order, why: reasonOf(error) };
        throw error;
      });
    this.#latest = { order: update.order, done };
    return done;
  }

  async #apply({ version, order }: Update): Promise<void> {
    const { home, membership, platform, log, onReplaced } = this.#parts;
    // This process ends; the next one is told the same.
    if (this.#isReplaced) return;
    const { caCertificate } = membership;
    log.info('fetches another version of itself', { version });
    const source = { url: new URL(membership.url), caCertificate };
    const { text, release } = await fetchManifest(source, version, platform);
    const folder = await home.stage();
    await fetchFiles(source, release.files, folder, home.current);
    const id = await home.place(folder, text, version);
    await home.beginTrial({ version, order, from: this.#parts.version });
    await home.use(id);
    log.warn('another version of this agent takes over', { version });
    this.#isReplaced = true;
    onReplaced();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof AppError ? error.message : String(error);
}
