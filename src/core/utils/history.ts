/** How long samples are kept, in seconds, by how fine they are. */
export interface Retention {
  readonly raw: number;
  readonly minute: number;
  readonly hour: number;
}

export interface HistoryPlan {
  /** The finest that is read. */
  readonly source: keyof Retention;
  /** One point for so many seconds. */
  readonly stepSeconds: number;
}

/** Points that one history has at most. */
export const MAX_POINTS = 500;

const MINUTE = 60;
const HOUR = 3_600;
/** Steps that a clock has, so that points of two questions fall on the same moments. */
const STEPS = [
  10,
  30,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  HOUR,
  3 * HOUR,
  12 * HOUR,
  24 * HOUR,
] as const;
const LAST_STEP = 7 * 24 * HOUR;

/** How finely so much of the past is told: in at most 500 points, and from samples that are kept for so long. */
export function planHistory(sinceSeconds: number, retention: Retention): HistoryPlan {
  // One more, because the window seldom begins where a step does.
  const fits = (step: number) => sinceSeconds / step + 1 <= MAX_POINTS;
  const isKept = (step: number) => {
    const source = sourceOf(step);
    return source === 'hour' || sinceSeconds <= retention[source];
  };
  const stepSeconds = STEPS.find((step) => fits(step) && isKept(step)) ?? LAST_STEP;
  return { source: sourceOf(stepSeconds), stepSeconds };
}

function sourceOf(stepSeconds: number): keyof Retention {
  if (stepSeconds < MINUTE) return 'raw';
  return stepSeconds < HOUR ? 'minute' : 'hour';
}
