/** Hands values to a slow receiver one at a time and in order. While it is busy only the newest waits: the rest is passed over. */
export interface LatestOnly<T> {
  offer(value: T): void;
  /** Resolves when nothing is under way. What waits is still handed over. */
  settled(): Promise<void>;
}

/** @param receive - must not throw: there is nobody to tell. */
export function latestOnly<T>(receive: (value: T) => Promise<void>): LatestOnly<T> {
  let waiting: { readonly value: T } | undefined;
  let running: Promise<void> | undefined;
  const drain = async () => {
    while (waiting) {
      const { value } = waiting;
      waiting = undefined;
      await receive(value);
    }
    running = undefined;
  };
  return {
    offer(value) {
      waiting = { value };
      running ??= drain();
    },
    settled: () => running ?? Promise.resolve(),
  };
}
