const BEAT_MS = 500;
/** Longer than any pause of the garbage collector, shorter than what a caller waits for. */
const LIVE_LAG_MS = 5_000;

export interface EventLoop {
  /** How late this process is with what it should have done by now. */
  lagMs(): number;
  isLive(): boolean;
  stop(): void;
}

/** Watches whether this process still gets to its work. Nothing else: a database that is gone is no reason to be restarted. */
export function watchEventLoop(now: () => number = () => performance.now()): EventLoop {
  let beatAt = now();
  let lastLagMs = 0;
  const timer = setInterval(() => {
    lastLagMs = Math.max(0, now() - beatAt - BEAT_MS);
    beatAt = now();
  }, BEAT_MS).unref();
  // A probe may come before the beat that is overdue.
  const lagMs = () => Math.max(lastLagMs, now() - beatAt - BEAT_MS, 0);
  return { lagMs, isLive: () => lagMs() < LIVE_LAG_MS, stop: () => clearInterval(timer) };
}
