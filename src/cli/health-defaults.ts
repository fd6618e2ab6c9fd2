/** What of a health check is not said. */
export const healthDefaults = {
  intervalMs: 10_000,
  timeoutMs: 5_000,
  retries: 3,
  startPeriodMs: 0,
} as const;
