import type { OperationRecord } from '../../core/types/models/operation.js';
import type { Handlers } from '../dispatch.js';
import type { OperationRunner } from '../jobs/operation-runner.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { errorCodes } from '../../core/types/errors/codes.js';
import { decodeCursor, encodeCursor } from '../page-cursor.js';

const DEFAULT_LIMIT = 100;

/** Operations as they are stored. Implemented by core/storage/postgres/operation.repository.ts. */
export interface OperationStore {
  list(filter: {
    status?: OperationRecord['status'];
    node?: string;
    /** Only those of this member. */
    memberId?: string;
    /** `<created at>|<id>` of the last row of the page before. */
    after?: string;
    limit: number;
  }): Promise<readonly OperationRecord[]>;
  find(id: string): Promise<OperationRecord | undefined>;
  /** Marks it as to be cancelled unless it has ended. */
  requestCancel(id: string, now: Date): Promise<OperationRecord | undefined>;
}

/** Operations: long work, seen and cancelled. */
export function operationHandlers(deps: {
  readonly store: OperationStore;
  /** Stops it if it runs here; where it runs elsewhere, that daemon is told by the event. */
  readonly runner: Pick<OperationRunner, 'cancel'>;
  readonly now: () => Date;
}): Pick<Handlers, 'operations.list' | 'operations.get' | 'operations.cancel'> {
  const get = async (id: string): Promise<OperationRecord> => {
    const record = await deps.store.find(id);
    if (record) return record;
    throw new AppError('OPERATION_NOT_FOUND', `There is no operation ${id}.`, { operation: id });
  };
  return {
    'operations.list': async ({ status, node, cursor, limit = DEFAULT_LIMIT }, { subject }) => {
      const page = await deps.store.list({
        ...(status === undefined ? {} : { status }),
        ...(node === undefined ? {} : { node }),
        ...(subject.permissions.has('operations:any') ? {} : { memberId: subject.id }),
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        limit: limit + 1,
      });
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return {
        operations: shown.map(showOperation),
        ...(page.length > limit && last
          ? { nextCursor: encodeCursor(`${last.createdAt.toISOString()}|${last.id}`) }
          : {}),
      };
    },
    'operations.get': async ({ operation }) => showOperation(await get(operation)),
    'operations.cancel': async ({ operation }) => {
      const record = await get(operation);
      if (record.endedAt) {
        throw new AppError(
          'OPERATION_ENDED',
          `Operation ${operation} has ended: ${record.status}.`,
          {
            status: record.status,
          },
        );
      }
      const marked = await deps.store.requestCancel(operation, deps.now());
      deps.runner.cancel(operation);
      return showOperation(marked ?? (await get(operation)));
    },
  };
}

/** Adds what the table says about the failure: the hint is not stored, so that it can improve. */
export function showOperation({ error, ...record }: OperationRecord) {
  return error ? { ...record, error: { ...error, hint: errorCodes[error.code].hint } } : record;
}
