import { appendFile, mkdir, readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';

import type { Log } from './log.js';

import { errorCode } from '../core/types/errors/error-code.js';
import { stderrLog } from './log.js';

/** The file is begun anew when it is larger; the one before is kept beside it. */
const MAX_BYTES = 1 << 20;
/** Lines that wait for a slow disk; more are on stderr only. */
const MAX_WAITING = 1_000;
/** What a line may be long, in UTF-16 units; the rest is cut. */
const MAX_LINE = 2_000;

/**
 * The log of an agent: to stderr, for whoever keeps it there, and to a file of bounded size, so that the grid can show it also after the
 * machine was started anew. A disk that takes nothing costs lines of the file and nothing else.
 */
export class AgentLog implements Log {
  readonly #file: string;
  readonly #also: Log;
  readonly #listeners = new Set<(line: string) => void>();
  #size: number | undefined;
  #waiting: string[] = [];
  #writing: Promise<void> | undefined;

  /**
   * @param stateDir - the file is `agent/logs/agent.log` in it.
   * @param also - told the same.
   */
  constructor(stateDir: string, also: Log = stderrLog) {
    this.#also = also;
    this.#file = path.join(stateDir, 'agent', 'logs', 'agent.log');
  }

  info(text: string, details: Readonly<Record<string, string | number | boolean>> = {}): void {
    this.#also.info(text, details);
    this.#add('info', text, details);
  }

  warn(text: string, details: Readonly<Record<string, string | number | boolean>> = {}): void {
    this.#also.warn(text, details);
    this.#add('warn', text, details);
  }

  error(text: string, details: Readonly<Record<string, string | number | boolean>> = {}): void {
    this.#also.error(text, details);
    this.#add('error', text, details);
  }

  /** The last lines, oldest first. @throws what reading the file fails with. */
  async tail(count: number): Promise<readonly string[]> {
    await this.settled();
    const texts = [await textOf(`${this.#file}.1`), await textOf(this.#file)];
    const lines = texts.join('').split('\n').filter(Boolean);
    return count === 0 ? [] : lines.slice(-count).map((line) => line.slice(0, MAX_LINE));
  }

  /** Tells each new line, until what it answers is called. */
  listen(listener: (line: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when what was logged is in the file, or could not be put there. */
  async settled(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  #add(level: string, msg: string, details: object): void {
    const entry = { level, time: new Date().toISOString(), ...details, msg };
    const line = JSON.stringify(entry).slice(0, MAX_LINE);
    for (const listener of this.#listeners) listener(line);
    if (this.#waiting.length >= MAX_WAITING) return;
    this.#waiting.push(line);
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const text = `${this.#waiting.join('\n')}\n`;
      this.#waiting = [];
      // It is on stderr already, and there is nobody else to tell.
      await this.#append(text).catch(() => undefined);
    }
    this.#writing = undefined;
  }

  async #append(text: string): Promise<void> {
    if (this.#size === undefined) {
      await mkdir(path.dirname(this.#file), { recursive: true, mode: 0o700 });
      this.#size = await sizeOf(this.#file);
    }
    if (this.#size > MAX_BYTES) {
      await rename(this.#file, `${this.#file}.1`);
      this.#size = 0;
    }
    await appendFile(this.#file, text, { mode: 0o600 });
    this.#size += Buffer.byteLength(text);
  }
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  });
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}
