import type { Node } from '../../types/models/node.js';

/** A connection of an agent, and the daemon that holds it. */
export interface NodeSession {
  readonly nodeId: string;
  readonly sessionId: string;
  readonly daemonId: string;
}

/** What nodes are told to do, as it is stored. Each order appends its event in the same transaction. */
export interface OrderStore {
  /**
   * Orders the start that the machine has now to end. Answers its boot id.
   * @throws {AppError} NODE_NOT_FOUND, NODE_OFFLINE.
   */
  restart(ref: string, force: boolean): Promise<{ readonly node: Node; readonly bootId: string }>;
  /** @throws {AppError} NODE_NOT_FOUND. */
  drain(ref: string, reason: string | undefined): Promise<Node>;
  /** @throws {AppError} NODE_NOT_FOUND. */
  undrain(ref: string): Promise<Node>;
  /**
   * Orders a machine to take its keys away, and gives it no more work.
   * @throws {AppError} NODE_NOT_FOUND, NODE_BUSY, NODE_OFFLINE (it is not there to be told), VERSION_CONFLICT.
   */
  dismiss(ref: string, ifVersion: number | undefined): Promise<Node>;
  /** The connection that a node has now. @throws {AppError} NODE_NOT_FOUND, NODE_OFFLINE. */
  session(ref: string): Promise<NodeSession>;
  /** Whether a machine is this node. */
  hasAgent(nodeId: string): Promise<boolean>;
}
