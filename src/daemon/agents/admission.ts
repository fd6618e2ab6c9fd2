import { AppError } from '../../core/types/errors/app-error.js';

/** Who is let in, and how fast. */
export interface AdmissionLimits {
  /** Connections a second, when more than the burst have come. */
  readonly perSecond: number;
  /** Connections at once, after a time in which fewer came. */
  readonly burst: number;
  /** Proofs looked at at one time: each is a signature and a transaction, and members want the database as well. */
  readonly proving: number;
  /** Proofs that wait for their turn. */
  readonly waiting: number;
}

/**
 * 2,000 agents are back twenty seconds after their daemon. At twice the rate two cores spend themselves on handshakes, proofs pile up, and all take
 * longer (`npm run bench:agents`). Six of the ten connections to the database may be busy with proofs.
 */
const LIMITS: AdmissionLimits = { perSecond: 100, burst: 200, proving: 6, waiting: 512 };
/** Whoever would have to come later than that may ask again. Agents wait no longer than a minute, whatever they are told. */
const MAX_RETRY_SECONDS = 50;

/**
 * Lets agents in at a bounded rate, and looks at a bounded number of proofs at one time: after a restart all of them come at once. The rate is
 * a token bucket. Whoever is refused is told when it would be their turn, as if they stood in a line of those who were refused before them,
 * so that they do not all come again at once.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #now: () => number;
  readonly #line: (() => void)[] = [];
  #proving = 0;
  #tokens: number;
  /** Those who were told to come again, and whose time has not come. */
  #owed = 0;
  #at: number;

  /** @param now - in ms, from anywhere. */
  constructor(limits: AdmissionLimits = LIMITS, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
    this.#tokens = limits.burst;
    this.#at = now();
  }

  /** Lets one connection in. @throws {AppError} DAEMON_BUSY, with when to come again. */
  enter(): void {
    this.#pass();
    if (this.#tokens < 1 || this.#line.length >= this.#limits.waiting) throw this.#busy();
    this.#tokens -= 1;
  }

  /**
   * Looks at one proof when it is its turn.
   * @param isWanted - asked then: a proof whose sender has hung up costs nothing more.
   * @throws {AppError} DAEMON_BUSY when too many wait, TIMED_OUT when it is no longer wanted, and what the work fails with.
   */
  async prove<T>(work: () => Promise<T>, isWanted: () => boolean): Promise<T> {
    await this.#turn();
    try {
      if (!isWanted()) throw new AppError('TIMED_OUT', 'The agent hung up before its turn.');
      return await work();
    } finally {
      const next = this.#line.shift();
      // The turn is handed on, so that nobody takes it in between.
      if (next) next();
      else this.#proving -= 1;
    }
  }

  async #turn(): Promise<void> {
    const { proving, waiting } = this.#limits;
    if (this.#proving < proving) {
      this.#proving += 1;
      return;
    }
    this.#pass();
    if (this.#line.length >= waiting) throw this.#busy();
    await new Promise<void>((resolve) => this.#line.push(resolve));
  }

  /** What the time since brings. */
  #pass(): void {
    const { perSecond, burst } = this.#limits;
    const now = this.#now();
    const due = ((now - this.#at) / 1_000) * perSecond;
    this.#at = now;
    this.#tokens = Math.min(burst, this.#tokens + due);
    this.#owed = Math.max(0, this.#owed - due);
  }

  #busy(): AppError {
    const { perSecond } = this.#limits;
    this.#owed = Math.min(this.#owed + 1, MAX_RETRY_SECONDS * perSecond);
    const retryAfterSeconds = Math.max(1, Math.ceil(this.#owed / perSecond));
    return new AppError(
      'DAEMON_BUSY',
      `Too many agents come at once; come again in ${retryAfterSeconds} s.`,
      { retryAfterSeconds },
    );
  }
}
