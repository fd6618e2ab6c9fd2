import type { AgentFrame, LogsWanted } from '../contract/agent/protocol.js';
import type { AgentLog } from './agent-log.js';

import { LOG_BATCH_MS, MAX_AGENT_FRAME_BYTES, MAX_LOG_LINES } from '../contract/agent/protocol.js';

const MAX_STREAMS = 8;
/** So that as many lines as a frame may hold fit into it, with what is around them. */
const MAX_LINE_BYTES = Math.floor(MAX_AGENT_FRAME_BYTES / MAX_LOG_LINES) - 64;
/** Each character takes at most six bytes, written as an escape. */
const SAFE_CHARACTERS = Math.floor(MAX_LINE_BYTES / 6);

/** The logs that the daemon reads on one connection. */
export class LogStreams {
  readonly #log: Pick<AgentLog, 'tail' | 'listen'>;
  readonly #send: (frame: AgentFrame) => void;
  readonly #streams = new Map<string, () => void>();

  constructor(log: Pick<AgentLog, 'tail' | 'listen'>, send: (frame: AgentFrame) => void) {
    this.#log = log;
    this.#send = send;
  }

  /** Sends the last lines, and goes on with new ones if that is wanted. Never throws. */
  async open({ id, lines, follow }: LogsWanted): Promise<void> {
    this.close(id);
    if (this.#streams.size >= MAX_STREAMS) return this.#end(id);
    const stream = new Batches((batch, dropped) =>
      this.#send({ logLines: { id, lines: batch, dropped, end: false } }),
    );
    // Listens first, so that no line is missing between the two.
    const stop = follow ? this.#log.listen((line) => stream.add(line)) : () => undefined;
    const close = () => {
      stop();
      stream.close();
    };
    this.#streams.set(id, close);
    const read = await this.#log.tail(lines).catch(() => undefined);
    // Whoever asked may be gone by now, or have asked anew.
    if (this.#streams.get(id) !== close) return;
    const last = read ?? [];
    for (let at = 0; at < last.length; at += MAX_LOG_LINES) {
      const batch = last.slice(at, at + MAX_LOG_LINES).map(fitting);
      this.#send({ logLines: { id, lines: batch, dropped: 0, end: false } });
    }
    if (read && follow) return stream.begin();
    this.close(id);
    this.#end(id);
  }

  close(id: string): void {
    this.#streams.get(id)?.();
    this.#streams.delete(id);
  }

  closeAll(): void {
    for (const id of this.#streams.keys()) this.close(id);
  }

  #end(id: string): void {
    this.#send({ logLines: { id, lines: [], dropped: 0, end: true } });
  }
}

/** New lines are sent together, so that a busy log does not use up the frames that an agent may send. More than fit are counted instead. */
class Batches {
  readonly #send: (lines: string[], dropped: number) => void;
  #lines: string[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (lines: string[], dropped: number) => void) {
    this.#send = send;
  }

  add(line: string): void {
    if (this.#lines.length < MAX_LOG_LINES) this.#lines.push(fitting(line));
    else this.#dropped += 1;
  }

  begin(): void {
    this.#timer = setInterval(() => {
      if (this.#lines.length === 0) return;
      this.#send(this.#lines, this.#dropped);
      this.#lines = [];
      this.#dropped = 0;
    }, LOG_BATCH_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** Cut, where it would take more than its share of a frame. */
function fitting(line: string): string {
  const bytes = Buffer.byteLength(JSON.stringify(line));
  return bytes <= MAX_LINE_BYTES ? line : line.slice(0, SAFE_CHARACTERS);
}
