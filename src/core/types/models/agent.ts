import type { NodeEngine } from './container.js';
import type { Named } from './member.js';

export type Approval = 'approved' | 'pending' | 'rejected';

/** A token that machines join with, without its secret. */
export interface NodeToken {
  readonly id: string;
  /** The node that it is bound to; absent where each redemption makes a node. */
  readonly node?: Named;
  /** Whose nodes it makes. */
  readonly owner: Named;
  readonly labels: Readonly<Record<string, string>>;
  readonly approval: 'auto' | 'manual';
  readonly maxUses: number;
  readonly usesLeft: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly lastUsedAt?: Date;
  readonly revokedAt?: Date;
}

/** What is known of the agent of a node. */
export interface NodeAgent {
  readonly approval: Approval;
  readonly joinedAt: Date;
  readonly version?: string;
  /** What it is to be replaced with, for as long as it is not. */
  readonly wantedVersion?: string;
  readonly bootId?: string;
  /** Where it connected from. */
  readonly source?: string;
  readonly connectedAt?: Date;
  readonly lastSeenAt?: Date;
  /** How far its clock is ahead of the database's; negative when it is behind. */
  readonly clockSkewMs?: number;
  readonly generation: number;
  readonly observedGeneration: number;
  readonly capacity?: Capacity;
  /** What it could not do of what it is told. */
  readonly problems: readonly NodeProblem[];
  readonly engine?: NodeEngine;
  /** Why there is no engine. */
  readonly engineProblem?: string;
}

/** What a machine has to lend. */
export interface Capacity {
  /** Thousandths of a core. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** What an owner lends of a machine. A part that is missing is not lent. */
export type Offer = Partial<Capacity>;

export interface NodeProblem {
  readonly code: string;
  readonly message: string;
}

/** What a node is to be, as its agent is told. `generation` rises with each change. */
export interface DesiredNode {
  readonly generation: number;
  readonly name: string;
  readonly offer?: Offer;
  readonly drained: boolean;
  /** The start of the machine that is to end. */
  readonly restart?: { readonly bootId: string; readonly force: boolean };
  /** What the agent is to be replaced with; another `order` is tried anew. */
  readonly update?: { readonly version: string; readonly order: number };
  readonly dismissed?: true;
}
