const STATUS = 'exitStatus';

/**
 * Gives a failure an exit status other than that of its code: for a command whose statuses are those of what it runs. By a property, because
 * commands and main.ts are bundles of their own.
 */
export function withStatus(error: unknown, status: number): unknown {
  return error instanceof Error ? Object.defineProperty(error, STATUS, { value: status }) : error;
}

/** The exit status that a failure was given, if any. */
export function ownStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !(STATUS in error)) return undefined;
  return typeof error.exitStatus === 'number' ? error.exitStatus : undefined;
}
