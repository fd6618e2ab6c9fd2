import type {
  ContainerFacts,
  RunningContainer,
  RunSpec,
  RunState,
  RuntimeLogLine,
} from '../../src/core/services/container/runtime.ports.js';
import type { TwinProgram } from './memory-exec.js';

import { AppError } from '../../src/core/types/errors/app-error.js';

/** A container as the twin keeps it. */
export interface Kept {
  readonly id: string;
  readonly spec: RunSpec;
  readonly program: TwinProgram;
  readonly lines: RuntimeLogLine[];
  readonly ports: ContainerFacts['ports'];
  state: RunState;
  pid: number | undefined;
  exitCode: number | undefined;
  oomKilled: boolean;
  restarts: number;
  startedAt: string | undefined;
  finishedAt: string | undefined;
  error: string | undefined;
  retry: NodeJS.Timeout | undefined;
}

/** How a test has a program end. */
export interface TwinEnd {
  readonly oomKilled?: boolean;
  /** The engine waits before it starts it again. */
  readonly waits?: boolean;
}

/** What a listing tells of it. */
export function listed({ id, spec, state }: Kept): RunningContainer {
  return { id, name: spec.name, labels: spec.labels, state };
}

/** A nanosecond later, in the form of an engine that knows them: no two things happen at the same time. */
export function justAfter(at: string): string {
  const nanos = BigInt(Date.parse(`${at.slice(0, 23)}Z`)) * 1_000_000n + BigInt(at.slice(23, 29));
  const later = nanos + 1n;
  const iso = new Date(Number(later / 1_000_000n)).toISOString();
  return `${iso.slice(0, -1)}${String(later % 1_000_000n).padStart(6, '0')}Z`;
}

/** Nobody waits for it any more once the signal aborts. */
export async function unlessAborted(
  done: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    await Promise.race([done, aborted.promise]);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

/** As an engine says it of an image that is not there. */
export function noImage(ref: string): AppError {
  return new AppError('CONTAINER_IMAGE_NOT_FOUND', `There is no image ${ref}.`);
}

/** As the agent says it of an engine that is not there. */
export function unreachable(): AppError {
  return new AppError('ENGINE_UNREACHABLE', 'The container engine does not answer.');
}
