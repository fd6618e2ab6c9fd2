/** Frames at once, and how fast more of them come to be allowed. In ten seconds that is less than three quarters of what a daemon takes. */
const BURST = 20;
const REFILL_MS = 150;

/** How many frames may be sent: a daemon ends the connection of an agent that says too much. */
export class FrameBudget {
  readonly #nowMs: () => number;
  #left = BURST;
  #atMs: number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#atMs = nowMs();
  }

  /** Takes one. Answers how long to wait where there is none. */
  take(): number {
    const nowMs = this.#nowMs();
    const more = Math.floor((nowMs - this.#atMs) / REFILL_MS);
    this.#left = Math.min(BURST, this.#left + more);
    this.#atMs = this.#left === BURST ? nowMs : this.#atMs + more * REFILL_MS;
    if (this.#left <= 0) return REFILL_MS - (nowMs - this.#atMs);
    this.#left -= 1;
    return 0;
  }
}
