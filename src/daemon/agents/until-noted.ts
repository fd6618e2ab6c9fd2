import { latestOnly } from '../../core/utils/latest-only.js';

/** What an agent says once. It is kept until it is noted, or the agent says something newer. */
export class UntilNoted<T> {
  /** However many arrive while one is noted, the latest is noted once more. */
  readonly #latest = latestOnly<{ readonly said: T }>((said) => this.#try(said));
  readonly #note: (said: T) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  /** The last, for as long as it could not be noted. */
  #unnoted: { readonly said: T } | undefined;

  constructor(note: (said: T) => Promise<void>, onFailure: (error: unknown) => void) {
    this.#note = note;
    this.#onFailure = onFailure;
  }

  offer(said: T): void {
    this.#latest.offer({ said });
  }

  /** The database may be back. */
  again(): void {
    if (this.#unnoted) this.#latest.offer(this.#unnoted);
  }

  async #try(offered: { readonly said: T }): Promise<void> {
    // While it is tried, nothing older is tried once more after it.
    this.#unnoted = undefined;
    try {
      await this.#note(offered.said);
    } catch (error) {
      this.#unnoted = offered;
      this.#onFailure(error);
    }
  }
}
