/** `2026-01-02T03:04:05.123456789Z`: what most engines write. */
const FULL = 30;

/** The time of a line in a form of which the texts are in the order of the times, whatever the engine wrote: UTC, to the nanosecond. */
export function logTime(at: string): string {
  if (at.length === FULL && at.endsWith('Z')) return at;
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) return at;
  const [, digits = ''] = /\.(\d+)/.exec(at) ?? [];
  return `${new Date(ms).toISOString().slice(0, 19)}.${digits.slice(0, 9).padEnd(9, '0')}Z`;
}
