import type { Line } from '../../contract/agent/channel.js';
import type { LogLine, MergeSource } from './log-merge.js';
import type { ChannelReader } from './reader.js';
import type { LeaseSession } from './router.js';

/** What a line that came in pieces is put together to, at most. One that is longer is told in several. */
const MAX_LINE = 65_536;

/** The log of one replica as it is merged with others. */
export class LogSourceOfReplica implements MergeSource {
  readonly lease: LeaseSession;
  readonly #reader: ChannelReader;
  /** The beginning of a line that goes on in the next chunk. */
  #begun: { readonly at: string; readonly stream: LogLine['stream']; text: string } | undefined;
  #isLive = false;
  /** That it is over has been told. */
  isTold = false;

  constructor(lease: LeaseSession, reader: ChannelReader) {
    this.lease = lease;
    this.#reader = reader;
  }

  get reader(): ChannelReader {
    return this.#reader;
  }

  get isCaughtUp(): boolean {
    return this.#isLive || this.#reader.end !== undefined;
  }

  take(): readonly LogLine[] | undefined {
    for (;;) {
      const chunk = this.#reader.take();
      if (!chunk) return this.#rest();
      if ('live' in chunk) this.#isLive = true;
      if (!('lines' in chunk)) continue;
      const lines = this.#whole(chunk.lines);
      if (lines.length > 0) return lines;
    }
  }

  #whole(came: readonly Line[]): readonly LogLine[] {
    const lines: LogLine[] = [];
    for (const [at, kind, text] of came) {
      const stream = kind === 1 || kind === 3 ? 'stdout' : 'stderr';
      if (kind <= 2 && !this.#begun) {
        lines.push({ at, stream, text });
        continue;
      }
      if (this.#begun && this.#begun.text.length + text.length > MAX_LINE) {
        lines.push(this.#begun);
        this.#begun = undefined;
      }
      this.#begun ??= { at, stream, text: '' };
      this.#begun.text += text;
      if (kind > 2) continue;
      lines.push(this.#begun);
      this.#begun = undefined;
    }
    return lines;
  }

  /** Of a line whose end never came. */
  #rest(): readonly LogLine[] | undefined {
    const begun = this.#begun;
    if (!begun || !this.#reader.end) return undefined;
    this.#begun = undefined;
    return [begun];
  }
}
