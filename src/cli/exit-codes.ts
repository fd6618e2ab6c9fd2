import { errorCodes } from '../core/types/errors/codes.js';

/** What each exit status means: an interface for scripts, in the words of docs/reference/errors.md. */
export const exitStatuses: readonly (readonly [number, string])[] = [
  [0, 'ok'],
  [1, 'failed: it was tried and did not work'],
  [2, 'usage: the command line, a name or a setting is wrong'],
  [3, 'not allowed'],
  [4, 'not found'],
  [5, 'conflict or refused, as things stand'],
  [6, 'the daemon cannot be reached, or was lost'],
  [7, 'timed out'],
  [8, 'not supported here'],
  [70, 'a bug'],
  [130, 'interrupted or cancelled'],
];

/** Text of `syntropy help exit-codes`. */
export function exitCodeHelp(): string {
  const lines = exitStatuses.map(([status, meaning]) => {
    const codes = Object.entries(errorCodes)
      .filter(([, { exitCode }]) => exitCode === status)
      .map(([code]) => code);
    const list = codes.length === 0 ? '' : `\n       ${codes.join(', ')}`;
    return `  ${String(status).padStart(3)}  ${meaning}${list}\n`;
  });
  return `EXIT STATUSES\n${lines.join('')}\nUnder --json a failure is one document on stdout: {"schemaVersion":1,"error":{"code",…}}.\n`;
}
