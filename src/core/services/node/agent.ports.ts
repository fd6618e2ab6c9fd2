import type {
  Approval,
  Capacity,
  DesiredNode,
  NodeProblem,
  NodeToken,
} from '../../types/models/agent.js';
import type { Named } from '../../types/models/member.js';
import type { Node } from '../../types/models/node.js';
import type { Sample } from '../../types/models/sample.js';
import type { Ailment } from '../../utils/node-ailments.js';

export interface NodeTokenFilter {
  /** Whose nodes they make; absent, everybody's. */
  readonly ownerId?: string;
  readonly all: boolean;
  /** `<created at>|<id>` of the last row of the page before. */
  readonly after?: string;
  readonly limit: number;
}

export interface NewNodeToken {
  readonly id: string;
  readonly hash: Uint8Array;
  readonly ownerId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly approval: NodeToken['approval'];
  readonly uses: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** Tokens that machines join with, as they are stored. Each change appends its event in the same transaction. */
export interface NodeTokenStore {
  list(filter: NodeTokenFilter): Promise<readonly NodeToken[]>;
  find(id: string): Promise<NodeToken | undefined>;
  /** @throws {AppError} LIMIT_REACHED. */
  create(token: NewNodeToken): Promise<NodeToken>;
  /** @throws {AppError} TOKEN_NOT_FOUND. */
  revoke(id: string, now: Date): Promise<NodeToken>;
}

/** A machine that shows a token and its keys. The proof was verified. */
export interface Redemption {
  readonly tokenHash: Uint8Array;
  readonly nodeId: string;
  /** What it wants to be called, where the token has no node. */
  readonly name: string | undefined;
  readonly identityKey: Uint8Array;
  readonly wireguardKey: Uint8Array;
  readonly machine: Uint8Array;
  readonly agentVersion: string;
  readonly now: Date;
}

export interface Redeemed {
  readonly node: Named;
  readonly approval: Approval;
}

/** What admits an agent, or not. */
export interface KnownAgent {
  readonly node: Named;
  readonly identityKey: Uint8Array;
  readonly machine: Uint8Array;
  readonly approval: Approval;
  /** A connection stands and was heard of within the last heartbeats. */
  readonly isLive: boolean;
}

/** A connection that an agent has opened and proven to be its own. */
export interface AgentSession {
  readonly nodeId: string;
  readonly sessionId: string;
  readonly daemonId: string;
  readonly source: string;
  readonly bootId: string;
  readonly agentVersion: string;
  readonly protocol: number;
  /** How far its clock is ahead, in milliseconds. */
  readonly skewMs: number;
}

/** What is known of the node of a session that begins. */
export interface Connected {
  readonly node: Named;
  readonly desired: DesiredNode;
  /** What was wrong with the machine when it was last watched. */
  readonly ailments: readonly Ailment[];
}

/** What was heard of one connection since the last time. */
export interface Beat {
  readonly nodeId: string;
  readonly sessionId: string;
  readonly skewMs: number;
  readonly observedGeneration: number;
  readonly sample?: Sample;
}

/** What an agent says has become of what it was told. */
export interface NodeReport {
  readonly generation: number;
  readonly capacity: Capacity;
  readonly problems: readonly NodeProblem[];
}

/** A session, and what it is to be told. */
export interface ToTell {
  readonly nodeId: string;
  readonly sessionId: string;
  readonly desired: DesiredNode;
}

/** Agents as they are stored. Times are the database's own, so that daemons with other clocks agree. */
export interface AgentStore {
  /**
   * Spends one use of the token and makes its node a joining one, all or nothing. The same key with the same token is answered as before.
   * @throws {AppError} JOIN_TOKEN_INVALID, JOIN_TOKEN_EXPIRED, JOIN_TOKEN_REVOKED, JOIN_TOKEN_SPENT, NODE_NAME_TAKEN, NAME_INVALID,
   *   NODE_BUSY, AGENT_JOINED.
   */
  redeem(redemption: Redemption): Promise<Redeemed>;
  find(nodeId: string): Promise<KnownAgent | undefined>;
  /** Begins a session in place of an earlier one, and the node lives. */
  connect(session: AgentSession): Promise<Connected>;
  /** Notes that the machine is another one than before; the node waits for approval. */
  suspect(nodeId: string, machine: Uint8Array): Promise<void>;
  /** @throws {AppError} NODE_NOT_FOUND, NODE_NOT_PENDING. */
  decide(
    nodeId: string,
    decision: { readonly approval: 'approved' | 'rejected'; readonly reason?: string },
  ): Promise<Node>;
  /** Notes all of them at once. Answers the ids of those sessions that are no longer their node's. */
  beat(beats: readonly Beat[]): Promise<readonly string[]>;
  /** Of these sessions, those that are no longer their node's: it was deleted, turned away, or connected anew. */
  stale(sessionIds: readonly string[]): Promise<readonly string[]>;
  /** What the sessions of this daemon are to be told: those whose node is to be what it is not yet. At most 1,000, by the ids of nodes, after the one that is given. */
  behind(daemonId: string, afterNodeId?: string): Promise<readonly ToTell[]>;
  /** Notes what an agent says of its node. Nothing when the session is no longer its node's. */
  report(sessionId: string, report: NodeReport): Promise<void>;
  /** The machine of this session is its node no more: its keys open nothing, and nobody waits for it. */
  leave(sessionId: string): Promise<void>;
  /** The connection has ended; the node is silent from when it was last heard of. */
  disconnect(sessionId: string): Promise<void>;
  /**
   * Marks what is silent for too long: offline, then lost. Answers how many nodes changed.
   * @param since - nothing counts as silent before this, so that agents can come back to a daemon that was away.
   */
  sweep(limits: {
    readonly offlineSeconds: number;
    readonly lostSeconds: number;
    readonly since: Date;
  }): Promise<number>;
}

/** Signatures by the key of a node (Ed25519, RFC 8032). */
export interface Signatures {
  verify(publicKey: Uint8Array, text: string, signature: Uint8Array): boolean;
}
