import type { ContainerRuntime, ExecSession } from '../../core/services/container/runtime.ports.js';
import type { HealthCheck } from '../../core/types/models/container.js';
import type { Health } from './lease.js';

import { errorCode } from '../../core/types/errors/error-code.js';
import { slept } from '../../core/utils/slept.js';

/** Until it is healthy once it is asked sooner than its check says, so that nobody waits for a whole interval. */
const FIRST_PAUSE_MS = 250;
const PAUSE_GROWTH = 1.5;
/** Of what it says; more is read and dropped. */
const MAX_OUTPUT = 1_024;

/** A container that is to be asked. Another `startedAt` is another run, of which nothing is known. */
export interface Watched {
  readonly container: string;
  readonly startedAt: string | undefined;
  readonly check: HealthCheck;
}

interface Probe {
  readonly startedAt: string | undefined;
  readonly check: HealthCheck;
  readonly stop: AbortController;
  health: Health;
  output: string;
}

/**
 * Asks containers how they are, by a command in each. Done here and not by the engine, so that it is the same on every engine. One that
 * was never healthy is `starting` for as long as whoever waits for it has patience; one that was is unhealthy after so many failures in a row.
 */
export class HealthProbes {
  readonly #runtime: () => Pick<ContainerRuntime, 'exec'> | undefined;
  readonly #onChange: () => void;
  readonly #probes = new Map<string, Probe>();

  constructor(runtime: () => Pick<ContainerRuntime, 'exec'> | undefined, onChange: () => void) {
    this.#runtime = runtime;
    this.#onChange = onChange;
  }

  /** These and no others are asked from now on. Who is asked already is left to it. */
  watch(wanted: readonly Watched[]): void {
    const ids = new Set(wanted.map(({ container }) => container));
    for (const [id, { stop }] of this.#probes) {
      if (ids.has(id)) continue;
      stop.abort();
      this.#probes.delete(id);
    }
    for (const { container, startedAt, check } of wanted) {
      const known = this.#probes.get(container);
      if (known?.startedAt === startedAt) continue;
      known?.stop.abort();
      const stop = new AbortController();
      const probe: Probe = { startedAt, check, stop, health: 'starting', output: '' };
      this.#probes.set(container, probe);
      void this.#ask(container, probe);
    }
  }

  of(container: string): { readonly health: Health; readonly output: string } | undefined {
    return this.#probes.get(container);
  }

  close(): void {
    this.watch([]);
  }

  async #ask(container: string, probe: Probe): Promise<void> {
    const { check, stop } = probe;
    let failures = 0;
    let pauseMs = Math.min(FIRST_PAUSE_MS, check.intervalMs);
    while (await slept(pauseMs, stop.signal)) {
      const isHealthy = await this.#isHealthy(container, probe);
      if (stop.signal.aborted) return;
      if (isHealthy !== undefined) failures = isHealthy ? 0 : failures + 1;
      const before = probe.health;
      if (isHealthy) probe.health = 'healthy';
      else if (before === 'healthy' && failures >= check.retries) probe.health = 'unhealthy';
      pauseMs =
        probe.health === 'starting'
          ? Math.min(pauseMs * PAUSE_GROWTH, check.intervalMs)
          : check.intervalMs;
      if (probe.health !== before) this.#onChange();
    }
  }

  /** Undefined: nobody can say, because it could not be asked. */
  async #isHealthy(container: string, probe: Probe): Promise<boolean | undefined> {
    const runtime = this.#runtime();
    if (!runtime) return undefined;
    const { command, timeoutMs } = probe.check;
    try {
      const request = { command, env: {}, tty: false, stdin: false };
      const session = await runtime.exec(container, request);
      const { output, exitCode } = await answer(session, timeoutMs, probe.stop.signal);
      probe.output = output;
      return exitCode === 0;
    } catch (error) {
      if (errorCode(error) !== 'CONTAINER_START_FAILED') return undefined;
      probe.output = `${command[0] ?? ''} cannot be run in the container.`;
      return false;
    }
  }
}

/** Without an exit code where it took too long. */
async function answer(session: ExecSession, timeoutMs: number, signal: AbortSignal) {
  let output = '';
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const { bytes } of session.output) {
      if (output.length < MAX_OUTPUT) output += decoder.decode(bytes, { stream: true });
    }
    return session.exitCode();
  };
  const over = new AbortController();
  const ended = read();
  // It may end with an error after nobody waits for it any more.
  ended.catch(() => undefined);
  const either = AbortSignal.any([over.signal, signal]);
  const late = slept(timeoutMs, either).then(() => undefined);
  try {
    const exitCode = await Promise.race([ended, late]);
    return { output: output.slice(0, MAX_OUTPUT), exitCode };
  } finally {
    over.abort();
    session.close();
  }
}
