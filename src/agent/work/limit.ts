/** Does something with each, so many at the same time. Rejects with the first that fails, when none is under way any more. */
export async function eachOf<T>(
  values: readonly T[],
  atOnce: number,
  act: (value: T) => Promise<void>,
): Promise<void> {
  const rest = values.values();
  const work = async () => {
    for (const value of rest) await act(value);
  };
  const done = await Promise.allSettled(Array.from({ length: atOnce }, work));
  const failed = done.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Lets so many through at the same time; who comes later waits for one to be done. */
export class Turnstile {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  async pass<T>(act: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await act();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
