import type { NodeStatus } from './node.js';

/** Something that is wrong with a node, and what to do about it. `critical` keeps it from its work. */
export interface Finding {
  readonly code: string;
  readonly severity: 'critical' | 'warning';
  readonly message: string;
  readonly hint: string;
}

export interface NodeHealth {
  readonly id: string;
  readonly name: string;
  readonly status: NodeStatus;
  readonly lastSeenAt?: Date;
  readonly findings: readonly Finding[];
}
