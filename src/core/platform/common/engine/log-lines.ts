import type { RuntimeLogLine } from '../../../services/container/runtime.ports.js';
import { type FramePart, FrameSplitter } from './frames.js';

/** What is longer comes as several lines. */
const MAX_LINE_BYTES = 64 << 10;
/** Docker cuts what is longer into messages of this size. A shorter one without an end is the last that a program wrote before it closed its output. */
const PIECE_BYTES = 16 << 10;
const NEWLINE = 0x0a;
const SPACE = 0x20;
/** RFC 3339 with nanoseconds and an offset has its place in it. */
const MAX_STAMP_BYTES = 40;

interface Unfinished {
  at: string;
  parts: Buffer[];
  sizeBytes: number;
}

/**
 * Makes lines of an engine's log, which has a time before each message. A long line is several messages of one time, of which only the last has an end; a
 * program that ends in the middle of a line leaves it without one, and what its next run writes is another line.
 */
export class LogLines {
  readonly #splitter = new FrameSplitter();
  readonly #unfinished: Record<'stdout' | 'stderr', Unfinished | undefined> = {
    stdout: undefined,
    stderr: undefined,
  };
  readonly #hasPieces: boolean;
  #message: Buffer[] = [];
  #messageBytes = 0;
  #isContinued = false;

  /** @param hasPieces - as the engine's dialect has it. */
  constructor(hasPieces: boolean) {
    this.#hasPieces = hasPieces;
  }

  push(chunk: Buffer): readonly RuntimeLogLine[] {
    const lines: RuntimeLogLine[] = [];
    for (const part of this.#splitter.push(chunk)) this.#take(part, lines);
    // Views of a chunk that is gone would keep the whole of it.
    this.#message = this.#message.map((bytes) => Buffer.from(bytes));
    return lines;
  }

  /** Whether there is something of which the end may come yet. */
  get isHoldingBack(): boolean {
    return Object.values(this.#unfinished).some((line) => (line?.sizeBytes ?? 0) > 0);
  }

  /** What has no end yet; for the end of a log, or where nothing more comes of it. */
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
    this.#line(stream, message, isLast, lines);
    this.#isContinued = !isLast;
  }

  #line(
    stream: 'stdout' | 'stderr',
    message: Buffer,
    isLast: boolean,
    lines: RuntimeLogLine[],
  ): void {
    const space = this.#isContinued ? -1 : message.subarray(0, MAX_STAMP_BYTES).indexOf(SPACE);
    const at = space === -1 ? '' : message.toString('latin1', 0, space);
    const hasEnd = message.at(-1) === NEWLINE;
    const bytes = message.subarray(space + 1, hasEnd ? -1 : undefined);
    const isShort = isLast && !this.#isContinued && bytes.length < PIECE_BYTES;
    const isEnded = hasEnd || (this.#hasPieces && isShort);
    const begun = this.#begun(stream, at, lines);
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

  /** The line that a message goes on with: that of the same time. One of another time has had its end. */
  #begun(stream: 'stdout' | 'stderr', at: string, lines: RuntimeLogLine[]): Unfinished | undefined {
    const begun = this.#unfinished[stream];
    if (!begun || !this.#hasPieces || this.#isContinued || begun.at === at) return begun;
    this.#unfinished[stream] = undefined;
    if (begun.sizeBytes > 0) lines.push(lineOf(stream, begun));
    return undefined;
  }
}

function lineOf(stream: 'stdout' | 'stderr', { at, parts }: Unfinished): RuntimeLogLine {
  return { at, stream, text: Buffer.concat(parts).toString() };
}
