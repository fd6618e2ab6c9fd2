/** The longest that a timer of Node takes; one that is longer would go off at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
