import type { OperationId } from '../../contract/registry.js';
import type { Dispatch } from '../dispatch.js';
import type { Counter, Histogram, Metrics } from './metrics.js';
import type { Tracing } from './tracing.js';

import { registry } from '../../contract/registry.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { errorCodes } from '../../core/types/errors/codes.js';

/** From a read of memory to what nearly runs into a time-out, in seconds. */
const BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** `refused` is the caller's matter, `failed` ours. */
type Outcome = 'ok' | 'refused' | 'failed';

interface CallCells {
  readonly ok: Histogram;
  readonly refused: Histogram;
  readonly failed: Histogram;
}

/**
 * Measures every call, whatever the transport, and draws a span of it when traces are wanted. Of a stream, what is measured is how long
 * it took to begin.
 */
export function observeDispatch(dispatch: Dispatch, metrics: Metrics, tracing?: Tracing): Dispatch {
  const record = callRecorder(metrics);
  return async (id, input, context) => {
    const startedAt = performance.now();
    const span = tracing?.begin(id, context);
    try {
      const output = await dispatch(id, input, context);
      record(id, startedAt);
      span?.end();
      return output;
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'INTERNAL';
      record(id, startedAt, code);
      span?.end(code);
      throw error;
    }
  };
}

function callRecorder(metrics: Metrics) {
  const durations = metrics.histogram({
    name: 'syntropy_operation_duration_seconds',
    help: 'How long operations took until they were answered, by operation and outcome.',
    labels: ['operation', 'outcome'],
    buckets: BUCKETS,
  });
  const errors = metrics.counter({
    name: 'syntropy_operation_errors_total',
    help: 'Operations that were not done, by operation and error code.',
    labels: ['operation', 'code'],
  });
  const calls = new Map<OperationId, CallCells>();
  const cellsOf = (id: OperationId): CallCells | undefined => {
    const known = calls.get(id);
    // The id may come from outside: only what exists gets a series.
    if (known || !Object.hasOwn(registry, id)) return known;
    const outcome = (name: Outcome) => durations(id, name);
    const cells = { ok: outcome('ok'), refused: outcome('refused'), failed: outcome('failed') };
    calls.set(id, cells);
    return cells;
  };
  return (id: OperationId, startedAt: number, code?: keyof typeof errorCodes): void => {
    const cells = cellsOf(id);
    cells?.[outcomeOf(code)].observe((performance.now() - startedAt) / 1000);
    if (cells && code !== undefined) (errors(id, code) satisfies Counter).add();
  };
}

function outcomeOf(code: keyof typeof errorCodes | undefined): Outcome {
  if (code === undefined) return 'ok';
  return errorCodes[code].httpStatus < 500 ? 'refused' : 'failed';
}
