import type { ContainerSpec, NodeEngine, UsageRecord } from '../../types/models/container.js';

/** Which leases a node has, and in which generation. */
export interface NodeWork {
  readonly generation: number;
  readonly leases: readonly { readonly lease: string; readonly generation: number }[];
  /** Containers whose volumes go with them. */
  readonly dropVolumes: readonly string[];
}

/** One lease, as its node is told of it. */
export interface LeaseAssignment {
  readonly lease: string;
  readonly generation: number;
  readonly container: { readonly id: string; readonly name: string; readonly volumesOf?: string };
  readonly ownerId: string;
  readonly replica: number;
  readonly desired: 'running' | 'stopped';
  readonly restart: number;
  readonly specHash: string;
  readonly spec: ContainerSpec;
  readonly digest?: string;
}

/** What an agent says of its node as a whole. */
export interface NodeWord {
  readonly generation: number;
  readonly engine?: NodeEngine;
  readonly engineProblem?: string;
}

/** The session of an agent that was believed: what it says counts for its node only. */
export interface WorkSession {
  readonly nodeId: string;
  readonly sessionId: string;
}

/** Leases as their nodes see them. */
export interface LeaseStore {
  /** Undefined where the session is no longer that of its node. */
  work(session: WorkSession): Promise<NodeWork | undefined>;
  /** Sessions of a daemon whose nodes have not reached what they are to run: a page, after a node. */
  behind(daemonId: string, afterNodeId: string | undefined): Promise<readonly WorkSession[]>;
  /** Those of these leases that are in the work of the session’s node. */
  assignments(session: WorkSession, leases: readonly string[]): Promise<readonly LeaseAssignment[]>;
  /** Whose these leases are, of those that the session’s node has or has to end. */
  containersOf(
    session: WorkSession,
    leases: readonly string[],
  ): Promise<ReadonlyMap<string, string>>;
  /** False where the session is no longer that of its node. */
  noteNode(session: WorkSession, word: NodeWord): Promise<boolean>;
  /** Keeps what is not kept yet, of leases that its node has or had. */
  noteUsage(session: WorkSession, records: readonly UsageRecord[]): Promise<void>;
}
