import type { SyntropyClient } from '../client/client.js';
import type { Node } from '../contract/schemas/node.js';

import { AppError } from '../core/types/errors/app-error.js';
import { afterMs } from '../core/utils/deadline.js';
import { parseDuration } from './duration.js';
import { changes } from './changes.js';
import { overOutages } from './over-outages.js';

export interface NodeWait {
  /** Id or name. */
  readonly node: string;
  /** Whether it is what is waited for. */
  readonly until: (node: Node) => boolean;
  /** What is waited for, for people: `online or degraded`. */
  readonly aim: string;
  /** Absent: as long as it takes. */
  readonly timeoutMs: number | undefined;
  /** Whether the node has been told to become so: that is kept for it while it is away. */
  readonly isOrder?: boolean;
}

/**
 * Waits until a node is as it should be. Reads it again after each of its events, so that nothing is polled for.
 * @throws {AppError} TIMED_OUT, NODE_NOT_FOUND, OPERATION_FAILED when it failed and that is not what is waited for, and what `until` throws.
 */
export async function waitForNode(client: SyntropyClient, wait: NodeWait): Promise<Node> {
  const stop = new AbortController();
  const patience = afterMs(wait.timeoutMs, () => stop.abort());
  let last: Node | undefined;
  try {
    // The name may change while we wait; the id does not.
    let { node: ref } = wait;
    return await overOutages(async (answered) => {
      ({ id: ref } = await client.call('nodes.get', { node: ref }, { signal: stop.signal }));
      for await (const _ of changes(client, { object: ref }, stop.signal)) {
        const node = await client.call('nodes.get', { node: ref }, { signal: stop.signal });
        answered();
        last = node;
        if (wait.until(node)) return node;
        if (node.status === 'failed') throw failed(node);
      }
      throw timedOut(wait, last);
    }, stop.signal);
  } catch (error) {
    throw stop.signal.aborted ? timedOut(wait, last) : error;
  } finally {
    patience.clear();
    stop.abort();
  }
}

/** What a node can be told, and the problems that stand in its way. Of those of another order a wait says nothing. */
const PROBLEMS = {
  offer: ['OFFER_EXCEEDS_HARDWARE'],
  restart: ['RESTART_NOT_ALLOWED', 'RESTART_FAILED'],
  update: ['UPDATE_NOT_POSSIBLE', 'UPDATE_NOT_ALLOWED', 'UPDATE_FAILED'],
} as const;
type Order = keyof typeof PROBLEMS;
/** It takes nothing in, whatever it is told. */
const NOT_KEPT = 'TARGET_NOT_KEPT';

/**
 * The node as it is when it has done what it was told, if that is to be waited for. One that no machine has joined as has nothing to do.
 * @param orders - what it was told, beside what people say of it.
 * @throws {AppError} as `waitForNode`, NODE_ORDER_FAILED when it could not.
 */
export async function settledIfAsked(
  client: SyntropyClient,
  told: Node,
  flags: { readonly wait?: boolean; readonly timeout?: string | undefined },
  orders: readonly Order[] = [],
): Promise<Node> {
  const generation = told.agent?.generation;
  if (!flags.wait || generation === undefined) return told;
  return waitForNode(client, {
    node: told.id,
    until: ({ name, agent }) => {
      if (agent === undefined) return false;
      requireNoProblem(name, agent.problems, [NOT_KEPT]);
      if (agent.observedGeneration < generation) return false;
      requireNoProblem(
        name,
        agent.problems,
        orders.flatMap((order) => PROBLEMS[order]),
      );
      // A new agent is there when it says so itself.
      return !orders.includes('update') || agent.wantedVersion === undefined;
    },
    aim: 'as it was told to be',
    isOrder: true,
    timeoutMs: flags.timeout === undefined ? undefined : parseDuration(flags.timeout, 'timeout'),
  });
}

/**
 * The node as it is when its machine has started anew.
 * @param bootId - of the start that was to end.
 * @throws {AppError} as `waitForNode`, NODE_ORDER_FAILED when its agent could not or may not.
 */
export function startedAnew(
  client: SyntropyClient,
  told: Node,
  bootId: string,
  timeoutMs: number,
): Promise<Node> {
  const generation = told.agent?.generation ?? 0;
  return waitForNode(client, {
    node: told.id,
    until: ({ name, status, agent }) => {
      if (!agent) return false;
      if (agent.bootId !== bootId) return status === 'online' || status === 'degraded';
      if (agent.observedGeneration >= generation) {
        requireNoProblem(name, agent.problems, PROBLEMS.restart);
      }
      return false;
    },
    aim: 'online after another start',
    timeoutMs,
  });
}

/** @throws {AppError} NODE_ORDER_FAILED. */
function requireNoProblem(
  name: string,
  problems: NonNullable<Node['agent']>['problems'],
  codes: readonly string[],
): void {
  const first = problems.find(({ code }) => codes.includes(code));
  if (!first) return;
  throw new AppError('NODE_ORDER_FAILED', `Node ${name} could not do it: ${first.message}`, {
    problem: first.code,
  });
}

const AWAY: readonly Node['status'][] = ['offline', 'lost'];

function timedOut({ node, aim, isOrder }: NodeWait, last: Node | undefined): AppError {
  if (!last) {
    return new AppError('TIMED_OUT', `Node ${node} could not be read, and not ${aim}, in time.`, {
      node,
    });
  }
  const { id, name, status } = last;
  const isKept = isOrder === true && AWAY.includes(status);
  const kept = isKept ? ' The order is kept until it comes back.' : '';
  return new AppError('TIMED_OUT', `Node ${name} is ${status}, and not ${aim}, in time.${kept}`, {
    node: id,
    status,
  });
}

function failed({ id, name, statusReason }: Node): AppError {
  return new AppError(
    'OPERATION_FAILED',
    `Node ${name} has failed${statusReason ? `: ${statusReason}` : '.'}`,
    { node: id, status: 'failed' },
  );
}
