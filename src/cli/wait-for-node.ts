import type { SyntropyClient } from '../client/client.js';
import type { Node } from '../contract/schemas/node.js';

import { AppError } from '../core/types/errors/app-error.js';
import { changes } from './changes.js';
import { overOutages } from './over-outages.js';

export interface NodeWait {
  /** Id or name. */
  readonly node: string;
  readonly statuses: readonly Node['status'][];
  /** Absent: as long as it takes. */
  readonly timeoutMs: number | undefined;
}

/**
 * Waits until a node has one of the statuses. Reads it again after each of its events, so that nothing is polled for.
 * @throws {AppError} TIMED_OUT, NODE_NOT_FOUND, OPERATION_FAILED when it failed and that is not what is waited for.
 */
export async function waitForNode(client: SyntropyClient, wait: NodeWait): Promise<Node> {
  const stop = new AbortController();
  const timer =
    wait.timeoutMs === undefined ? undefined : setTimeout(() => stop.abort(), wait.timeoutMs);
  let status: Node['status'] | undefined;
  try {
    // The name may change while we wait; the id does not.
    let { node: ref } = wait;
    return await overOutages(async (answered) => {
      ({ id: ref } = await client.call('nodes.get', { node: ref }, { signal: stop.signal }));
      for await (const _ of changes(client, { object: ref }, stop.signal)) {
        const node = await client.call('nodes.get', { node: ref }, { signal: stop.signal });
        answered();
        ({ status } = node);
        if (wait.statuses.includes(status)) return node;
        if (status === 'failed') throw failed(node);
      }
      throw timedOut(wait, status);
    }, stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? timedOut(wait, status) : error;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

function timedOut({ node, statuses }: NodeWait, status: string | undefined): AppError {
  const is = status === undefined ? 'could not be read' : `is ${status}`;
  return new AppError(
    'TIMED_OUT',
    `Node ${node} ${is}, and not ${statuses.join(' or ')}, in time.`,
    {
      node,
      ...(status === undefined ? {} : { status }),
    },
  );
}

function failed({ id, name, statusReason }: Node): AppError {
  return new AppError(
    'OPERATION_FAILED',
    `Node ${name} has failed${statusReason ? `: ${statusReason}` : '.'}`,
    { node: id, status: 'failed' },
  );
}
