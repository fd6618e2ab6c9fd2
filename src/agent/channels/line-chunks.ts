import type { RuntimeLogLine } from '../../core/services/container/runtime.ports.js';

import { type Line, MAX_CHUNK_LINES } from '../../contract/agent/channel.js';

/** What JSON writes as more than itself; also halves of characters, which are looked at closer. */
// oxlint-disable-next-line no-control-regex -- those are what JSON escapes
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;
/** `["",1,""],` around the time and the text. */
const AROUND = 10;
/** No character takes more, as UTF-8 or escaped. */
const MOST_BYTES = 6;

/** The lines in pieces of which each takes no more than so many bytes as JSON. A line that is longer than a piece goes on in the next. */
export function* lineChunks(
  lines: readonly RuntimeLogLine[],
  limit: number,
): Generator<readonly Line[]> {
  let piece: Line[] = [];
  let size = 0;
  for (const { at, stream, text } of lines) {
    const whole = stream === 'stdout' ? 1 : 2;
    const around = at.length + AROUND;
    let rest = text;
    for (;;) {
      const bytes = around + jsonBytes(rest);
      const isLong = bytes > limit;
      if (piece.length > 0 && (size + bytes > limit || piece.length >= MAX_CHUNK_LINES)) {
        yield piece;
        piece = [];
        size = 0;
      }
      if (!isLong) {
        piece.push([at, whole, rest]);
        size += bytes;
        break;
      }
      const head = startOf(rest, limit - around);
      yield [[at, whole === 1 ? 3 : 4, head]];
      rest = rest.slice(head.length);
    }
  }
  if (piece.length > 0) yield piece;
}

/** Without the quotation marks. */
function jsonBytes(text: string): number {
  if (!ESCAPED.test(text)) return Buffer.byteLength(text);
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}

/** As much from its start as takes no more than so many bytes. Never half a character: as JSON a half takes more than the whole, which then fits, too. */
function startOf(text: string, bytes: number): string {
  let from = Math.floor(bytes / MOST_BYTES);
  let to = Math.min(text.length, bytes);
  while (from < to) {
    const middle = Math.ceil((from + to) / 2);
    if (jsonBytes(text.slice(0, middle)) <= bytes) from = middle;
    else to = middle - 1;
  }
  return text.slice(0, from);
}
