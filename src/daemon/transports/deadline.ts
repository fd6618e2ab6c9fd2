/** The longest that a timer of Node takes; one that is longer would go off at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Calls back at a time, however far away; never without one. Does not keep the process alive. */
export function atTime(time: Date | undefined, act: () => void): { clear(): void } {
  let timer: NodeJS.Timeout | undefined;
  const wait = (until: number) => {
    const leftMs = Math.max(0, until - Date.now());
    const isLast = leftMs <= LONGEST_TIMER_MS;
    timer = setTimeout(() => (isLast ? act() : wait(until)), Math.min(leftMs, LONGEST_TIMER_MS));
    timer.unref();
  };
  if (time) wait(time.getTime());
  return { clear: () => clearTimeout(timer) };
}
