import type { RuntimeLogLine } from '../../../services/container/runtime.ports.js';
import { type FramePart, FrameSplitter } from './frames.js';

/** What is longer comes as several lines. */
const MAX_LINE_BYTES = 64 << 10;
const NEWLINE = 0x0a;
const SPACE = 0x20;
/** RFC 3339 with nanoseconds and an offset has its place in it. */
const MAX_STAMP_BYTES = 40;

interface Unfinished {
  at: string;
  parts: Buffer[];
  sizeBytes: number;
}

/** Makes lines of an engine's log, which has a time before each message; a long line is several messages, of which only the last has an end. */
export class LogLines {
  readonly #splitter = new FrameSplitter();
  readonly #unfinished: Record<'stdout' | 'stderr', Unfinished | undefined> = {
    stdout: undefined,
    stderr: undefined,
  };
  #message: Buffer[] = [];
  #messageBytes = 0;
  #isContinued = false;

  push(chunk: Buffer): readonly RuntimeLogLine[] {
    const lines: RuntimeLogLine[] = [];
    for (const part of this.#splitter.push(chunk)) this.#take(part, lines);
    // Views of a chunk that is gone would keep the whole of it.
    this.#message = this.#message.map((bytes) => Buffer.from(bytes));
    return lines;
  }

  /** What has no end yet; for the end of a log. */
  rest(): readonly RuntimeLogLine[] {
    return (['stdout', 'stderr'] as const).flatMap((stream) => {
      const line = this.#unfinished[stream];
      this.#unfinished[stream] = undefined;
      return line && line.sizeBytes > 0 ? [lineOf(stream, line)] : [];
    });
  }

  #take({ stream, bytes, isLast }: FramePart, lines: RuntimeLogLine[]): void {
    this.#message.push(bytes);
    this.#messageBytes += bytes.length;
    if (!isLast && this.#messageBytes < MAX_LINE_BYTES) return;
    const [only] = this.#message;
    const message = this.#message.length === 1 && only ? only : Buffer.concat(this.#message);
    this.#message = [];
    this.#messageBytes = 0;
    this.#line(stream, message, lines);
    this.#isContinued = !isLast;
  }

  #line(stream: 'stdout' | 'stderr', message: Buffer, lines: RuntimeLogLine[]): void {
    const space = this.#isContinued ? -1 : message.subarray(0, MAX_STAMP_BYTES).indexOf(SPACE);
    const at = space === -1 ? '' : message.toString('latin1', 0, space);
    const isEnded = message.at(-1) === NEWLINE;
    const bytes = message.subarray(space + 1, isEnded ? -1 : undefined);
    const begun = this.#unfinished[stream];
    if (!begun && isEnded) {
      lines.push({ at, stream, text: bytes.toString() });
      return;
    }
    const line = begun ?? { at, parts: [], sizeBytes: 0 };
    line.parts.push(Buffer.from(bytes));
    line.sizeBytes += bytes.length;
    const isCut = !isEnded && line.sizeBytes >= MAX_LINE_BYTES;
    if ((isEnded || isCut) && line.sizeBytes > 0) lines.push(lineOf(stream, line));
    // What follows a cut has no time of its own.
    if (isCut) this.#unfinished[stream] = { at: line.at, parts: [], sizeBytes: 0 };
    else this.#unfinished[stream] = isEnded ? undefined : line;
  }
}

function lineOf(stream: 'stdout' | 'stderr', { at, parts }: Unfinished): RuntimeLogLine {
  return { at, stream, text: Buffer.concat(parts).toString() };
}
