import type {
  ContainerRuntime,
  RuntimeFacts,
} from '../../core/services/container/runtime.ports.js';
import type { Log } from '../log.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { errorCodes } from '../../core/types/errors/codes.js';
import { errorCode } from '../../core/types/errors/error-code.js';

/** One that is not there may be installed at any time. */
const LOOK_MS = 30_000;
const FIRST_RETRY_MS = 250;
const MAX_PROBLEM = 512;
/** What is wrong with the engine itself, which whoever runs the machine can mend. */
const HELPED = new Set<string | undefined>([
  'ENGINE_MISSING',
  'ENGINE_UNREACHABLE',
  'ENGINE_FAILED',
]);

/** Where the engine of a machine comes from. @throws {AppError} ENGINE_MISSING, ENGINE_UNREACHABLE. */
export type EngineSource = () => Promise<ContainerRuntime>;

/** The container engine of this machine, for as long as it answers. */
export class Engine {
  readonly #source: EngineSource;
  readonly #onFacts: (facts: RuntimeFacts) => Promise<void>;
  readonly #log: Log;
  /** Kept for as long as this process: what was made with one engine is not looked for at another. */
  #runtime: ContainerRuntime | undefined;
  #facts: RuntimeFacts | undefined;
  #problem: string | undefined;
  #failures = 0;
  #hasLooked = false;

  /** @param onFacts - told of an engine before anything is done with it. */
  constructor(source: EngineSource, onFacts: (facts: RuntimeFacts) => Promise<void>, log: Log) {
    this.#source = source;
    this.#onFacts = onFacts;
    this.#log = log;
  }

  /** Undefined while it does not answer. */
  get current(): { readonly runtime: ContainerRuntime; readonly facts: RuntimeFacts } | undefined {
    return this.#runtime && this.#facts && { runtime: this.#runtime, facts: this.#facts };
  }

  /** Why there is none, and what helps. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Until it has been looked for once nothing can be said of it. */
  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  /** When to look for it again, while it is not there. */
  get retryMs(): number {
    return Math.min(LOOK_MS, FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 10));
  }

  /** Looks for it where it is not there. Answers whether something is otherwise than before. */
  async look(): Promise<boolean> {
    if (this.#facts) return false;
    const before = this.#problem;
    const isFirst = !this.#hasLooked;
    try {
      this.#runtime ??= await this.#source();
      const facts = await this.#runtime.facts();
      await this.#onFacts(facts);
      this.#facts = facts;
      this.#problem = undefined;
      const { kind, version } = facts;
      this.#log.info('the container engine answers', { kind, version });
      return true;
    } catch (error) {
      this.#failed(error);
      return isFirst || this.#problem !== before;
    } finally {
      this.#hasLooked = true;
    }
  }

  /** It does what it is there for: if it fails again, it is looked for at once. */
  proven(): void {
    this.#failures = 0;
  }

  /** It has not answered: whatever is known of it may be otherwise. */
  lost(error: unknown): void {
    this.#facts = undefined;
    this.#failed(error);
  }

  close(): void {
    this.#runtime?.close();
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    const said = error instanceof Error ? error.message : String(error);
    const message = said.endsWith('.') ? said : `${said}.`;
    const hint =
      HELPED.has(errorCode(error)) && error instanceof AppError
        ? ` ${errorCodes[error.code].hint}`
        : '';
    const problem = `${message}${hint}`.replaceAll(/\p{C}/gu, ' ').slice(0, MAX_PROBLEM);
    if (problem !== this.#problem) this.#log.warn('no container engine', { reason: problem });
    this.#problem = problem;
  }
}
