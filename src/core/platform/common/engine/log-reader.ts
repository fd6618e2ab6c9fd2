import { setTimeout as pause } from 'node:timers/promises';

import type {
  ContainerFacts,
  RunState,
  RuntimeLogLine,
  RuntimeLogRequest,
} from '../../../services/container/runtime.ports.js';
import type { EngineHttp } from './engine-http.js';

import { AppError } from '../../../types/errors/app-error.js';
import { afterMs } from '../../../utils/deadline.js';
import { slept } from '../../../utils/slept.js';
import { LogCursor } from '../../../utils/log-cursor.js';
import { asUnreachable } from './engine-http.js';
import { LogLines } from './log-lines.js';
import { engineFailure, messageOf, notFound } from './refusals.js';

/** An engine that ends or begins is there no more, or not yet, or answers that it fails. */
const PASSING = new Set(['ENGINE_UNREACHABLE', 'ENGINE_FAILED']);
/** An engine that starts anew is back by then; whoever follows a log notices nothing of it. */
const ENGINE_GRACE_MS = 30_000;
const ENGINE_RETRY_MS = 250;
/** Between two looks at a container that is started again. */
const RESTART_LOOK_MS = 250;
/** For the rest of a long line that has begun: then it is told as far as it is there. */
const REST_MS = 1_000;
/** While nothing is said, a look whether there is anybody left to say it. */
const QUIET_LOOK_MS = 5_000;

interface LogSource {
  readonly http: EngineHttp;
  readonly id: string;
  readonly followLoses: boolean;
  readonly hasPieces: boolean;
  inspect(): Promise<ContainerFacts>;
}

interface Reading {
  readonly follow: boolean;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly tail?: number | undefined;
}

/** As `ContainerRuntime.logs`. */
export async function* readLogs(
  source: LogSource,
  request: RuntimeLogRequest,
  outer: AbortSignal,
): AsyncIterable<readonly RuntimeLogLine[]> {
  const { since, until, tail } = request;
  if (outer.aborted) return;
  if (!request.follow) {
    yield* readOnce(source, { follow: false, since, until, tail }, outer);
    return;
  }
  const ended = new AbortController();
  const end = () => ended.abort();
  outer.addEventListener('abort', end, { once: true });
  // The clock of this machine is the one by which its engine gives lines their times.
  const begunAt = new Date().toISOString();
  const cursor = new LogCursor();
  const untilMs = until === undefined ? undefined : Math.max(0, Date.parse(until) - Date.now());
  const deadline = afterMs(untilMs, end);
  try {
    yield* follow(source, request, cursor, ended.signal);
    if (ended.signal.aborted && !outer.aborted) {
      yield* restUntil(source, request, { cursor, begunAt }, outer);
    }
  } finally {
    deadline.clear();
    outer.removeEventListener('abort', end);
    end();
  }
}

function isAlive(state: RunState): boolean {
  return state === 'running' || state === 'restarting' || state === 'stopping';
}

async function* follow(
  source: LogSource,
  { since, until, tail }: RuntimeLogRequest,
  cursor: LogCursor,
  signal: AbortSignal,
): AsyncIterable<readonly RuntimeLogLine[]> {
  const from = () => later(since, cursor.at);
  const reading = async function* (isFollowing: boolean, last?: number) {
    const isNew = cursor.reading();
    const wanted = { follow: isFollowing, since: from(), until, tail: last };
    for await (const lines of readOnce(source, wanted, signal)) {
      const fresh = lines.filter(isNew);
      if (fresh.length > 0) yield fresh;
    }
  };
  if (source.followLoses) {
    // All of it, also where only the end is wanted: the cursor counts from the first line of a second.
    yield* tail === undefined ? reading(false) : lastOf(reading(false), tail);
  }
  let first = source.followLoses ? undefined : tail;
  let goodUntil = Date.now() + ENGINE_GRACE_MS;
  while (!signal.aborted) {
    try {
      const { state, startedAt } = await source.inspect();
      goodUntil = Date.now() + ENGINE_GRACE_MS;
      for await (const lines of reading(isAlive(state), first)) {
        first = undefined;
        yield lines;
      }
      // It had ended before this reading began: this is all there will ever be.
      if (!isAlive(state)) return;
      first = undefined;
      const now = source.followLoses ? undefined : await source.inspect();
      if (now && !isAlive(now.state) && now.startedAt === startedAt) return;
      await pause(RESTART_LOOK_MS, undefined, { signal }).catch(() => undefined);
    } catch (error) {
      const isAway = error instanceof AppError && PASSING.has(error.code);
      if (!isAway || cursor.at === undefined || Date.now() > goodUntil) throw error;
      await pause(ENGINE_RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** The time has come up to which a log was followed: what was written before it and has not been read. */
async function* restUntil(
  source: LogSource,
  { since, until, tail }: RuntimeLogRequest,
  { cursor, begunAt }: { readonly cursor: LogCursor; readonly begunAt: string },
  signal: AbortSignal,
): AsyncIterable<readonly RuntimeLogLine[]> {
  const isNew = cursor.reading();
  const isFirst = cursor.at === undefined;
  const from = later(since, isFirst && tail === 0 ? begunAt : cursor.at);
  const last = isFirst && tail !== 0 ? tail : undefined;
  for await (const lines of readOnce(
    source,
    { follow: false, since: from, until, tail: last },
    signal,
  )) {
    const fresh = lines.filter(isNew);
    if (fresh.length > 0) yield fresh;
  }
}

/** One answer of the engine, to its end. Slow readers hold it up: nothing is read ahead but what a socket holds. */
async function* readOnce(
  source: LogSource,
  reading: Reading,
  signal: AbortSignal,
): AsyncIterable<readonly RuntimeLogLine[]> {
  const over = new AbortController();
  const stop = () => over.abort();
  signal.addEventListener('abort', stop, { once: true });
  const quiet = reading.follow ? whenQuiet(source, stop) : undefined;
  const lines = new LogLines(source.hasPieces);
  try {
    if (signal.aborted) return;
    const stream = await begin(source, reading, over.signal);
    const isWaiting = () => reading.follow && lines.isHoldingBack;
    for await (const chunk of orQuiet<Buffer>(stream, isWaiting)) {
      if (chunk) quiet?.heard();
      const found = chunk ? lines.push(chunk) : lines.rest();
      if (found.length > 0) yield found;
    }
    const rest = lines.rest();
    if (rest.length > 0) yield rest;
  } catch (error) {
    if (!over.signal.aborted) throw asUnreachable(error);
  } finally {
    quiet?.stop();
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** What comes, and undefined where nothing more has come while something waits for it. */
async function* orQuiet<T>(
  source: AsyncIterable<T>,
  isWaiting: () => boolean,
): AsyncGenerator<T | undefined> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = iterator.next();
      if (isWaiting()) {
        const came = new AbortController();
        const late = slept(REST_MS, came.signal);
        const isLate = await Promise.race([late, next.then(() => false)]).finally(() =>
          came.abort(),
        );
        if (isLate) yield undefined;
      }
      const { done = false, value } = await next;
      if (done) return;
      yield value;
    }
  } finally {
    // Not waited for: what is still asked for comes, or fails, when the connection is let go of.
    iterator.return?.().catch(() => undefined);
  }
}

async function begin(
  { http, id }: LogSource,
  { follow: isFollowing, since, until, tail }: Reading,
  signal: AbortSignal,
) {
  const began = await http.stream('GET', `/containers/${id}/logs`, {
    query: {
      stdout: '1',
      stderr: '1',
      timestamps: '1',
      ...(isFollowing ? { follow: '1' } : {}),
      ...(since === undefined ? {} : { since: unixTime(since) }),
      ...(until === undefined ? {} : { until: unixTime(until) }),
      ...(tail === undefined ? {} : { tail: String(tail) }),
    },
    signal,
    ...(isFollowing ? { timeoutMs: 'none' as const } : {}),
  });
  if ('stream' in began) return began.stream;
  const { refusal } = began;
  throw refusal.status === 404 ? notFound(messageOf(refusal)) : engineFailure(refusal);
}

/** An engine may forget to end the log of a container that has ended, or has been removed. */
function whenQuiet(source: LogSource, end: () => void) {
  let isQuiet = false;
  const look = async () => {
    if ((await hasGone(source)) && isQuiet) end();
  };
  const timer = setInterval(() => {
    if (isQuiet) void look();
    isQuiet = true;
  }, QUIET_LOOK_MS);
  timer.unref();
  return {
    heard: () => {
      isQuiet = false;
    },
    stop: () => clearInterval(timer),
  };
}

async function hasGone(source: LogSource): Promise<boolean> {
  try {
    return !isAlive((await source.inspect()).state);
  } catch (error) {
    return error instanceof AppError && error.code === 'RUNTIME_NOT_FOUND';
  }
}

async function* lastOf(
  batches: AsyncIterable<readonly RuntimeLogLine[]>,
  count: number,
): AsyncIterable<readonly RuntimeLogLine[]> {
  let kept: readonly RuntimeLogLine[] = [];
  for await (const batch of batches) {
    kept = count === 0 ? [] : [...kept, ...batch].slice(-count);
  }
  if (kept.length > 0) yield kept;
}

/** Seconds since 1970, with as many digits as the time has: a number of JavaScript holds no nanoseconds. */
function unixTime(at: string): string {
  const seconds = Math.floor(Date.parse(at) / 1_000);
  if (!Number.isFinite(seconds)) throw new AppError('INPUT_INVALID', `"${at}" is no time.`);
  const fraction = /[.,](\d{1,9})/.exec(at)?.[1];
  return fraction === undefined ? String(seconds) : `${seconds}.${fraction.padEnd(9, '0')}`;
}

/** By what `unixTime` makes of them: times of different length are no texts to compare. */
function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  // Both of ten digits before the point, until the year 2286.
  return unixTime(a) > unixTime(b) ? a : b;
}
