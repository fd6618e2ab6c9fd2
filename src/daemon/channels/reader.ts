import type { Chunk } from '../../contract/agent/channel.js';
import type { ChannelEnd, ChannelHandle, ChannelSink } from './channel.js';

import { costOf } from '../../contract/agent/channel.js';
import { AppError } from '../../core/types/errors/app-error.js';

/** From the question to the first word. */
const SILENCE_MS = 30_000;
/** So that not each small chunk that is read costs a frame of credit. */
const GRANTED_AT_ONCE = 4;

/** What has arrived of one channel and was not read yet. No more than its window can wait there, for only what is read is granted anew. */
export class ChannelReader implements ChannelSink {
  readonly #window: number;
  readonly #onChange: () => void;
  /** Told of feeds that were taken, however much waits to be read before. */
  onTaken: ((count: number) => void) | undefined;
  #chunks: Chunk[] = [];
  #at = 0;
  #read = 0;
  #handle: ChannelHandle | undefined;
  #end: ChannelEnd | undefined;
  #patience: NodeJS.Timeout | undefined;

  /** @param onChange - something has arrived, or it is over. */
  constructor(window: number, onChange: () => void) {
    this.#window = window;
    this.#onChange = onChange;
  }

  /** It is open. */
  begin(handle: ChannelHandle): void {
    this.#handle = handle;
    if (this.#end || this.#chunks.length > 0) return;
    this.#patience = setTimeout(() => this.#giveUp(), SILENCE_MS);
    this.#patience.unref();
  }

  chunk(chunk: Chunk): void {
    clearTimeout(this.#patience);
    if (this.#end) return;
    if ('taken' in chunk) return this.onTaken?.(chunk.taken);
    this.#chunks.push(chunk);
    this.#onChange();
  }

  over(end: ChannelEnd): void {
    clearTimeout(this.#patience);
    this.#end ??= end;
    this.#onChange();
  }

  /** What has arrived first. */
  take(): Chunk | undefined {
    const chunk = this.#chunks[this.#at];
    if (!chunk) return undefined;
    this.#at += 1;
    if (this.#at === this.#chunks.length) {
      this.#chunks = [];
      this.#at = 0;
    }
    this.#read += costOf(chunk);
    if (this.#read * GRANTED_AT_ONCE >= this.#window && !this.#end) {
      this.#handle?.credit(this.#read);
      this.#read = 0;
    }
    return chunk;
  }

  /** How it ended, when all that came before has been taken. */
  get end(): ChannelEnd | undefined {
    return this.#at < this.#chunks.length ? undefined : this.#end;
  }

  shut(): void {
    clearTimeout(this.#patience);
    this.#handle?.shut();
  }

  #giveUp(): void {
    this.shut();
    this.over({ error: new AppError('TIMED_OUT', 'The node has not answered in time.') });
  }
}
