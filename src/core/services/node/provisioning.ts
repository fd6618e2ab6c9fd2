import type { Node, Provisioning } from '../../types/models/node.js';
import type {
  OperationOutcome,
  OperationProgress,
  StoredFailure,
} from '../../types/models/operation.js';
import type { TargetState, WriteJob, WriteReport } from '../../types/models/stick.js';
import type { NodeDeps } from './node.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { latestOnly } from '../../utils/latest-only.js';

/** Why a job's signal was aborted: somebody asked, or the daemon ends. */
export type AbortReason = 'cancelled' | 'interrupted';

interface ProvisioningWork {
  readonly node: Node;
  readonly operationId: string;
  readonly job: WriteJob;
}

/**
 * Writes the stick and records how it ended, in node and operation at once. Never throws: a failure is an outcome.
 * A write is not resumed: what it leaves behind is described by `targetState`.
 */
export async function provisionStick(
  deps: Pick<NodeDeps, 'sticks' | 'store' | 'now'>,
  work: ProvisioningWork,
  signal: AbortSignal,
): Promise<void> {
  const { node, operationId, job } = work;
  const before = node.provisioning;
  if (!before) return;
  const progress = latestOnly<OperationProgress>((latest) =>
    // Progress is a courtesy: a database that is away for a moment must not stop the write.
    deps.store.reportProgress(operationId, latest).catch(() => undefined),
  );
  let end;
  try {
    const onProgress = (latest: OperationProgress) => progress.offer(latest);
    end = succeeded(before, await deps.sticks.write(job, { signal, onProgress }));
  } catch (error) {
    end = failed(before, error, signal);
  }
  await progress.settled();
  await deps.store.endProvisioning({ nodeId: node.id, operationId, now: deps.now(), ...end });
}

function succeeded(before: Provisioning, report: WriteReport) {
  const provisioning: Provisioning = {
    ...before,
    targetState: report.verified ? 'verified' : 'written-not-verified',
    imageBytes: report.imageBytes,
    bytesPerSecond: Math.round(report.writeBytesPerSecond),
    durationMs: Math.round(report.durationMs),
    verified: report.verified,
    identityWritten: report.identityWritten,
  };
  const { operationId: _, ...result } = provisioning;
  const outcome: OperationOutcome = {
    status: 'succeeded',
    result: { ...result, ejected: report.ejected },
  };
  return { status: 'provisioned' as const, provisioning, outcome };
}

function failed(before: Provisioning, error: unknown, signal: AbortSignal) {
  const targetState = targetStateOf(error);
  const failure = failureOf(error, signal, targetState);
  const outcome: OperationOutcome = { status: endStatus(failure), error: failure };
  return {
    status: 'failed' as const,
    reason: `${failure.code}: ${failure.message}`,
    provisioning: { ...before, targetState },
    outcome,
  };
}

function endStatus(failure: StoredFailure): 'failed' | 'cancelled' | 'interrupted' {
  if (failure.code === 'OPERATION_CANCELLED') return 'cancelled';
  return failure.code === 'OPERATION_INTERRUPTED' ? 'interrupted' : 'failed';
}

function failureOf(error: unknown, signal: AbortSignal, targetState: TargetState): StoredFailure {
  if (signal.aborted) return stopped(signal.reason, targetState);
  if (error instanceof AppError) {
    return {
      code: error.code,
      message: error.message,
      details: { ...error.details, targetState },
    };
  }
  // A bug: its text may hold anything, so only its kind is kept. The log has the rest.
  const kind = error instanceof Error ? error.name : typeof error;
  return {
    code: 'INTERNAL',
    message: `The write ended by a bug (${kind}).`,
    details: { targetState },
  };
}

function stopped(reason: unknown, targetState: TargetState): StoredFailure {
  const left = describeTarget(targetState);
  return reason === 'interrupted'
    ? {
        code: 'OPERATION_INTERRUPTED',
        message: `The daemon ended during the write. ${left}`,
        details: { targetState },
      }
    : {
        code: 'OPERATION_CANCELLED',
        message: `The write was cancelled. ${left}`,
        details: { targetState },
      };
}

function targetStateOf(error: unknown): TargetState {
  const state = error instanceof AppError ? error.details['targetState'] : undefined;
  return isTargetState(state) ? state : 'unusable';
}

const targetStates = [
  'untouched',
  'verified',
  'written-not-verified',
  'unusable',
  'removed',
] as const satisfies readonly TargetState[];

function isTargetState(value: unknown): value is TargetState {
  return targetStates.some((state) => state === value);
}

/** What a person should know about the stick or file that a write has left behind. */
export function describeTarget(state: TargetState): string {
  switch (state) {
    case 'untouched':
      return 'Nothing was written to the target.';
    case 'verified':
      return 'The target was written and verified.';
    case 'written-not-verified':
      return 'The target was written, not verified.';
    case 'removed':
      return 'The unfinished file was removed.';
    case 'unusable':
      return 'The stick holds a part of the image and is unusable until it is written again.';
  }
}
