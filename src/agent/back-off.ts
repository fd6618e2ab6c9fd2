const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 20_000;
/** So that nobody who answers in the place of a daemon can keep an agent away. With the jitter, a minute. */
const MAX_TOLD_MS = 50_000;

/**
 * How long to wait before the next connection. With full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/),
 * so that a thousand do not come at once. Twenty seconds at most, so that all of a grid are back within thirty of its daemon. A busy daemon
 * says itself when to come: then at least so long, and a fifth more at most, but a second.
 * @param failures - connections in a row that were not welcome.
 * @param toldMs - what the daemon has said.
 */
export function pauseMs(
  failures: number,
  toldMs: number | undefined,
  random: () => number,
): number {
  if (toldMs !== undefined) {
    const atLeast = Math.min(toldMs, MAX_TOLD_MS);
    return atLeast + random() * Math.max(FIRST_RETRY_MS, atLeast / 5);
  }
  const longest = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));
  return 100 + random() * longest;
}

/** What `Retry-After` says, in whole seconds (RFC 9110 §10.2.3); undefined for a date, and for what is neither. */
export function toldPauseMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : undefined;
}
