import type {
  ExecRequest,
  ExecSession,
  TerminalSize,
} from '../../src/core/services/container/runtime.ports.js';

/** What a command does in the twin. */
export interface TwinProgram {
  readonly says?: readonly { readonly stream: 'stdout' | 'stderr'; readonly text: string }[];
  /** Ends by itself with this, once it has spoken. Absent, it stays until somebody ends it. */
  readonly exits?: number;
  /** Cannot be run at all: 126 (no right to) or 127 (not there). */
  readonly cannotRun?: 126 | 127;
  /** In an exec: answers with what it is given, and ends with its input. */
  readonly echoes?: boolean;
}

/** A command that runs in a container of the twin. */
export class TwinSession implements ExecSession {
  readonly output: ExecSession['output'];
  readonly #program: TwinProgram;
  readonly #resized: (size: TerminalSize) => void;
  readonly #given: Uint8Array[] = [];
  readonly #done = Promise.withResolvers<number>();
  #isEnded: boolean;
  #wake = Promise.withResolvers<void>();

  constructor(program: TwinProgram, request: ExecRequest, resized: (size: TerminalSize) => void) {
    this.#program = program;
    this.#resized = resized;
    this.#isEnded = !request.stdin;
    if (request.size) resized(request.size);
    this.output = this.#say(request.tty);
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#given.push(bytes);
    this.#stir();
  }

  end(): void {
    this.#isEnded = true;
    this.#stir();
  }

  async resize(size: TerminalSize): Promise<void> {
    this.#resized(size);
  }

  exitCode(): Promise<number> {
    return this.#done.promise;
  }

  close(): void {
    this.end();
    this.#done.resolve(137);
  }

  async *#say(tty: boolean) {
    for (const { stream, text } of this.#program.says ?? []) {
      const bytes: Uint8Array = Buffer.from(`${text}\n`);
      yield { stream: tty ? ('stdout' as const) : stream, bytes };
    }
    while (this.#program.echoes === true) {
      const bytes = this.#given.shift();
      if (bytes) yield { stream: 'stdout' as const, bytes };
      else if (this.#isEnded) break;
      else await this.#wake.promise;
    }
    this.#done.resolve(this.#program.exits ?? 0);
  }

  #stir(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }
}
