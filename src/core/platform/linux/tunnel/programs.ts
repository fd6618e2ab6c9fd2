import { access, constants } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../../types/errors/app-error.js';

/** Where a system keeps its own programs; whatever PATH the agent was started with may name others. */
const SYSTEM_FOLDERS = [
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/usr/local/sbin',
  '/usr/local/bin',
];
const TIMEOUT_MS = 30_000;
const MOST_OUTPUT = 64 * 1024 * 1024;
const SHOWN = 300;

export interface RunOptions {
  /** Given on stdin, where only the program sees it. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Its own words before all others: a program that starts this one. */
  readonly under?: readonly string[];
}

/** Programs of the system, started by their absolute path with words that are arguments each: nothing goes through a shell. */
export class Programs {
  readonly #folders: readonly string[];
  readonly #within: readonly string[];

  /** @param within - the words before a command that run it in another network namespace; none for this one. */
  constructor({
    folders = SYSTEM_FOLDERS,
    within = [],
  }: { folders?: readonly string[]; within?: readonly string[] } = {}) {
    this.#folders = folders;
    this.#within = within;
  }

  /** Its absolute path. */
  async find(name: string): Promise<string | undefined> {
    for (const folder of this.#folders) {
      const file = path.join(folder, name);
      const isThere = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (isThere) return file;
    }
    return undefined;
  }

  /** What it prints. @throws {AppError} TUNNEL_UNSUPPORTED (it is not there), TUNNEL_FAILED (with what it said), TIMED_OUT. */
  async run(name: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const program = await this.#path(name);
    const [first = program, ...more] = [
      ...(options.under ?? []),
      ...this.#within,
      program,
      ...args,
    ];
    const file = path.isAbsolute(first) ? first : await this.#path(first);
    const { execa } = await import('execa');
    const result = await execa(file, more, {
      input: options.input ?? '',
      env: { PATH: this.#folders.join(':'), LC_ALL: 'C', ...options.env },
      extendEnv: false,
      timeout: TIMEOUT_MS,
      maxBuffer: MOST_OUTPUT,
      stripFinalNewline: false,
      reject: false,
    });
    if (result.timedOut) throw new AppError('TIMED_OUT', `${name} took too long.`);
    if (result.failed)
      throw new AppError('TUNNEL_FAILED', `${name} failed. ${said(result.stderr)}`);
    return result.stdout;
  }

  async #path(name: string): Promise<string> {
    const file = await this.find(name);
    if (file !== undefined) return file;
    throw new AppError('TUNNEL_UNSUPPORTED', `This machine has no ${name}.`, { program: name });
  }
}

function said(text: string): string {
  return text
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, SHOWN);
}
