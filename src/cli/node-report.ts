import type { SyntropyClient } from '../client/client.js';
import type { NodeDetails } from '../contract/schemas/node.js';
import type { NodeHealth } from '../contract/schemas/health.js';

import { describeHealth } from './health-view.js';
import { describeHistory, type History } from './history-view.js';
import { describeNode } from './node-view.js';

/** All that is known of one node at one time. */
export interface NodeReport {
  readonly node: NodeDetails;
  readonly findings: NodeHealth['findings'];
  /** When it was asked for. */
  readonly history?: History;
}

/** @param sinceSeconds - how much of the past is wanted, when any is. */
export async function readReport(
  client: SyntropyClient,
  ref: string,
  sinceSeconds: number | undefined,
): Promise<NodeReport> {
  const node = await client.call('nodes.get', { node: ref });
  const asked = { node: node.id };
  const [health, history] = await Promise.all([
    client.call('nodes.health', asked),
    sinceSeconds === undefined
      ? undefined
      : client.call('nodes.samples', { ...asked, sinceSeconds }),
  ]);
  const findings = health.nodes[0]?.findings ?? [];
  return { node, findings, ...(history && { history }) };
}

/** The same for people. */
export function describeReport(
  { node, findings, history }: NodeReport,
  sinceSeconds: number | undefined,
): string {
  const { id, name, status } = node;
  const past =
    history && sinceSeconds !== undefined
      ? describeHistory(history, { sinceSeconds, nowMs: Date.now() })
      : undefined;
  return [
    describeNode(node),
    findings.length > 0
      ? describeHealth([{ id, name, status, findings: [...findings] }])
      : undefined,
    past,
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
}
