import type { Readable } from 'node:stream';

/**
 * Calls `onLine` for each line of a stream, and `onTooLong` once when a line is longer than the limit; then no line follows.
 * What comes after the last newline is no line.
 */
export function readBoundedLines(
  stream: Readable,
  maxChars: number,
  onLine: (line: string) => void,
  onTooLong: () => void,
): void {
  let rest = '';
  let ended = false;
  stream.setEncoding('utf8').on('data', (text: string) => {
    if (ended) return;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    if (rest.length <= maxChars) return;
    ended = true;
    rest = '';
    onTooLong();
  });
}
