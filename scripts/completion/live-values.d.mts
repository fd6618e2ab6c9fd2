/** A place on the command line whose values only the daemon knows. */
export interface LiveValue {
  readonly command: string;
  /** Absent: the first argument. */
  readonly flag?: string;
  /** What `syntropy __complete` is asked for. */
  readonly kind: string;
}

export const liveValues: readonly LiveValue[];
export const argumentKinds: readonly LiveValue[];
export const flagKinds: readonly LiveValue[];
export const globalKinds: readonly Omit<LiveValue, 'command'>[];
export const whereFlags: readonly string[];
