import type {
  ContainerRuntime,
  RuntimeLogRequest,
} from '../../core/services/container/runtime.ports.js';
import type { Outlet } from './outlet.js';

import { lineChunks } from './line-chunks.js';
import { logTime } from '../../core/utils/log-time.js';

export interface LogSource {
  readonly runtime: Pick<ContainerRuntime, 'logs'>;
  readonly containerId: string;
}

/**
 * Sends a replica's log for as long as there is one. The engine is read no faster than the reader takes it. Where it is followed, says when all that was
 * there before has been sent: whoever merges several logs by time need not wait for an older line after that.
 * @throws {AppError} as `ContainerRuntime.logs`.
 */
export async function sendLog(
  { runtime, containerId }: LogSource,
  wanted: RuntimeLogRequest,
  outlet: Outlet,
): Promise<void> {
  const request = { ...wanted, follow: wanted.follow && !isPast(wanted.until) };
  let before = request.follow
    ? await lastBefore({ runtime, containerId }, request, outlet.signal)
    : undefined;
  if (request.follow && before === undefined && !(await outlet.send({ live: true }))) return;
  for await (const lines of runtime.logs(containerId, request, outlet.signal)) {
    for (const chunk of lineChunks(lines, outlet.limit)) {
      if (!(await outlet.send({ lines: [...chunk] }))) return;
    }
    const last = lines.at(-1);
    if (before === undefined || last === undefined || logTime(last.at) < before) continue;
    before = undefined;
    if (!(await outlet.send({ live: true }))) return;
  }
}

function isPast(until: string | undefined): boolean {
  return until !== undefined && Date.parse(until) <= Date.now();
}

/** When the last line was written that is there already and is asked for; undefined where there is none. */
async function lastBefore(
  { runtime, containerId }: LogSource,
  { since, until, tail }: RuntimeLogRequest,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (tail === 0) return undefined;
  const request = {
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    tail: 1,
    follow: false,
  };
  let last: string | undefined;
  for await (const lines of runtime.logs(containerId, request, signal)) {
    last = lines.at(-1)?.at ?? last;
  }
  return last === undefined ? undefined : logTime(last);
}
