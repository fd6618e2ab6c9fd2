import type { NodeAgent, Offer } from './agent.js';
import type { TargetState } from './stick.js';

/**
 * Where a node is in its life. A stick takes it from `provisioning` to `provisioned` or `failed`; the agent's
 * states follow when it joins.
 */
export type NodeStatus =
  | 'provisioning'
  | 'provisioned'
  | 'joining'
  | 'online'
  | 'degraded'
  | 'offline'
  | 'lost'
  | 'retired'
  | 'failed';

/** How the stick of a node was written. Kept with the node; replaced when the stick is written again. */
export interface Provisioning {
  readonly operationId: string;
  readonly image: string;
  readonly target: string;
  readonly model?: string;
  readonly serial?: string;
  readonly targetState: TargetState;
  readonly imageBytes?: number;
  readonly bytesPerSecond?: number;
  readonly durationMs?: number;
  readonly verified: boolean;
  readonly identityWritten: boolean;
  readonly joinTokenExpiresAt?: string;
}

export interface Node {
  readonly id: string;
  readonly name: string;
  readonly owner: { readonly id: string; readonly name: string };
  readonly status: NodeStatus;
  readonly statusReason?: string;
  readonly statusSince: Date;
  readonly description?: string;
  readonly location?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly offer?: Offer;
  /** It takes no new work. */
  readonly drained?: { readonly since: Date; readonly reason?: string };
  readonly formerName?: string;
  readonly provisioning?: Provisioning;
  /** Present once a machine has joined as it. */
  readonly agent?: NodeAgent;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly version: number;
}
