/** The code of an error, be it Node's (`ENOENT`), Postgres' (`23505`) or our own (`INPUT_INVALID`); undefined where there is none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
