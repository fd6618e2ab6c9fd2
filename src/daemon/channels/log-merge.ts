import { logTime } from '../../core/utils/log-time.js';

/** One line, as a client is told it. */
export interface LogLine {
  readonly at: string;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** One of several logs that are merged. */
export interface MergeSource {
  /** Lines that have arrived, in their order; takes them away. Undefined where nothing has arrived by now. */
  take(): readonly LogLine[] | undefined;
  /** Nothing older than what has been taken can come: it is over, or all that there was has been taken. */
  readonly isCaughtUp: boolean;
}

interface Head<S> {
  readonly source: S;
  lines: readonly LogLine[];
  at: number;
}

/**
 * Merges logs by the time of their lines. As long as older lines may still come of one, nothing that is newer than the last of them is told; from then
 * on lines are told as they come. The lines of one log keep their order, whatever times they have.
 */
export class LogMerge<S extends MergeSource> {
  readonly #heads: readonly Head<S>[];

  constructor(sources: readonly S[]) {
    this.#heads = sources.map((source) => ({ source, lines: [], at: 0 }));
  }

  /** The lines that come next, of one source. Undefined: more has to arrive first, or all is told. */
  next(): { readonly source: S; readonly lines: readonly LogLine[] } | undefined {
    for (const head of this.#heads)
      if (!refilled(head) && !head.source.isCaughtUp) return undefined;
    const [first, second] = this.#heads
      .filter((head) => head.at < head.lines.length)
      .map((head) => ({ head, time: timeOf(head) }))
      .toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
    if (!first) return undefined;
    const { head } = first;
    const from = head.at;
    if (second) {
      do head.at += 1;
      while (head.at < head.lines.length && timeOf(head) <= second.time);
    } else {
      head.at = head.lines.length;
    }
    const isWhole = from === 0 && head.at === head.lines.length;
    return { source: head.source, lines: isWhole ? head.lines : head.lines.slice(from, head.at) };
  }
}

/** Whether it has a line to tell. */
function refilled(head: Head<MergeSource>): boolean {
  while (head.at >= head.lines.length) {
    const lines = head.source.take();
    if (!lines) return false;
    head.lines = lines;
    head.at = 0;
  }
  return true;
}

function timeOf({ lines, at }: Head<MergeSource>): string {
  return logTime(lines[at]?.at ?? '');
}
