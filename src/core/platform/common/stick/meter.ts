import type { WritePhase, WriteProgress } from '../../../types/models/stick.js';

/** Progress is told this often at most. */
const INTERVAL_MS = 250;
/** Speed is that of the last seconds, so that it follows a stick whose cache has filled up. */
const WINDOW_MS = 5_000;

/** Counts bytes of one phase and tells how fast it goes. */
export class Meter {
  readonly #phase: WritePhase;
  readonly #totalBytes: number | undefined;
  readonly #tell: (progress: WriteProgress) => void;
  #doneBytes = 0;
  #toldAt = 0;
  #samples: { readonly at: number; readonly bytes: number }[];

  constructor(
    phase: WritePhase,
    totalBytes: number | undefined,
    tell: (progress: WriteProgress) => void,
  ) {
    this.#phase = phase;
    this.#totalBytes = totalBytes;
    this.#tell = tell;
    this.#samples = [{ at: performance.now(), bytes: 0 }];
    this.#report(performance.now());
  }

  add(bytes: number): void {
    this.#doneBytes += bytes;
    const now = performance.now();
    if (now - this.#toldAt >= INTERVAL_MS) this.#report(now);
  }

  /** Tells the last state, whenever it was told before. */
  end(): void {
    this.#report(performance.now());
  }

  #report(now: number): void {
    this.#toldAt = now;
    this.#samples = [
      ...this.#samples.filter((_, index, all) => {
        const next = all[index + 1];
        return next === undefined || now - next.at < WINDOW_MS;
      }),
      { at: now, bytes: this.#doneBytes },
    ];
    const first = this.#samples[0];
    const seconds = first ? (now - first.at) / 1000 : 0;
    const speed = first && seconds > 0 ? (this.#doneBytes - first.bytes) / seconds : 0;
    const left = this.#totalBytes === undefined ? undefined : this.#totalBytes - this.#doneBytes;
    this.#tell({
      phase: this.#phase,
      doneBytes: this.#doneBytes,
      bytesPerSecond: Math.round(speed),
      ...(this.#totalBytes === undefined ? {} : { totalBytes: this.#totalBytes }),
      ...(left === undefined || speed <= 0 ? {} : { etaSeconds: Math.ceil(left / speed) }),
    });
  }
}
