import type { Logger } from 'pino';

/** Postgres takes 7,999 bytes in one notification. */
export const MAX_LETTER_BYTES = 7_900;
/** Letters that go in one query. */
const AT_ONCE = 64;
/** By what letters are told from whatever else comes into a daemon's mailbox. */
const PREFIX = '{"letter":';

/**
 * Letters between the daemons of one grid, in the order in which they were sent. How many wait is up to who sends: channels are bounded by their credit,
 * and one that is lost is missed by its number.
 */
export class Post {
  readonly #deliver: (daemonId: string, texts: readonly string[]) => Promise<void>;
  readonly #log: Logger;
  readonly #waiting: { readonly to: string; readonly text: string }[] = [];
  #isSending = false;
  #sent = 0;

  constructor(deliver: (daemonId: string, texts: readonly string[]) => Promise<void>, log: Logger) {
    this.#deliver = deliver;
    this.#log = log;
  }

  /** What a mailbox was given, if it is a letter. */
  static opened(text: string | undefined): unknown {
    if (!text?.startsWith(PREFIX)) return undefined;
    try {
      const opened: unknown = JSON.parse(text);
      const isLetter = typeof opened === 'object' && opened !== null && 'letter' in opened;
      return isLetter ? opened.letter : undefined;
    } catch {
      return undefined;
    }
  }

  send(to: string, letter: object): void {
    this.#sent += 1;
    // Numbered, for Postgres tells of two that are alike only once.
    const text = `${PREFIX}${JSON.stringify(letter)},"n":${this.#sent}}`;
    if (Buffer.byteLength(text) > MAX_LETTER_BYTES) {
      this.#log.warn({ to }, 'a letter to another daemon is too long, and was not sent');
      return;
    }
    this.#waiting.push({ to, text });
    if (this.#isSending) return;
    this.#isSending = true;
    void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const { to } = first;
      const other = this.#waiting.findIndex((letter) => letter.to !== to);
      const count = Math.min(other === -1 ? this.#waiting.length : other, AT_ONCE);
      const texts = this.#waiting.splice(0, count).map(({ text }) => text);
      try {
        await this.#deliver(to, texts);
      } catch (error) {
        this.#log.warn({ err: error }, 'another daemon could not be told');
      }
    }
    this.#isSending = false;
  }
}
