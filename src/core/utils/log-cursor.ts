import { logTime } from './log-time.js';

/**
 * How far a log has been read, as a time and how many lines of that time: so a log that is read again from there goes on where it was left, also
 * where an engine tells the time to the second. That holds as long as the engine keeps what it wrote in that second.
 */
export class LogCursor {
  #at: string | undefined;
  #lines = 0;

  /** Of the last line. */
  get at(): string | undefined {
    return this.#at;
  }

  /** For one reading, from a time that is not after `at`: says of each line whether it is a new one. */
  reading(): (line: { readonly at: string }) => boolean {
    const [until, seen] = [this.#at, this.#lines];
    let isBehind = until !== undefined;
    let passed = 0;
    return (line) => {
      const at = logTime(line.at);
      if (isBehind && until !== undefined) {
        if (at < until) return false;
        if (at === until && passed < seen) {
          passed += 1;
          return false;
        }
        isBehind = false;
      }
      this.#note(at);
      return true;
    };
  }

  /** Two streams are written at once: a line may be a little older than the one before it. */
  #note(at: string): void {
    if (this.#at !== undefined && at < this.#at) return;
    this.#lines = at === this.#at ? this.#lines + 1 : 1;
    this.#at = at;
  }
}
