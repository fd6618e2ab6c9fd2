import type { NodeToken } from '../../types/models/agent.js';
import type { Caller } from '../../types/models/member.js';
import type { Node } from '../../types/models/node.js';
import type {
  AgentSession,
  AgentStore,
  Connected,
  NodeTokenFilter,
  NodeTokenStore,
  Redeemed,
  Signatures,
} from './agent.ports.js';
import type { DaemonAddress, JoinTokens, Owners } from './node.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { requireName } from '../../utils/node-name.js';
import { requireMachineUrl } from './identity.js';

const DEFAULT_TTL_SECONDS = 24 * 3600;

interface Deps {
  readonly store: AgentStore;
  readonly tokenStore: NodeTokenStore;
  readonly owners: Owners;
  readonly tokens: JoinTokens;
  readonly signatures: Signatures;
  readonly address: () => DaemonAddress;
  readonly newId: () => string;
  readonly now: () => Date;
}

export interface NodeTokenRequest {
  readonly owner?: string;
  readonly uses?: number;
  readonly ttlSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly approval?: NodeToken['approval'];
  readonly daemonUrl?: string;
  /** Without an address, though there may be one. */
  readonly discover?: boolean;
}

/** What a machine shows when it joins; keys and signature as raw bytes. */
export interface JoinRequest {
  readonly secret: string;
  readonly name?: string;
  readonly identityKey: Uint8Array;
  readonly wireguardKey: Uint8Array;
  readonly machine: Uint8Array;
  readonly agentVersion: string;
  /** What was signed. */
  readonly text: string;
  readonly signature: Uint8Array;
}

/** What an agent shows when it connects. */
export interface ConnectRequest extends AgentSession {
  readonly machine: Uint8Array;
  readonly text: string;
  readonly signature: Uint8Array;
}

/** The rules by which machines become nodes, and by which a node’s agent is believed. */
export class AgentService {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  listTokens(filter: NodeTokenFilter): Promise<readonly NodeToken[]> {
    return this.#deps.tokenStore.list(filter);
  }

  /**
   * A token that machines join with. The secret is in the answer and nowhere else; `url` is where they will look for the daemon, on their own
   * network when it is undefined.
   * @throws {AppError} MEMBER_NOT_FOUND, PERMISSION_DENIED (for another member), INPUT_INVALID, LIMIT_REACHED.
   */
  async createToken(
    request: NodeTokenRequest,
    caller: Caller,
  ): Promise<{ token: NodeToken; secret: string; url: string | undefined; caSha256: string }> {
    const { tokenStore, tokens, address, newId, now } = this.#deps;
    const ownerId = await this.#ownerId(request.owner, caller);
    const { publicUrl, caSha256 } = address();
    const url = urlFor(request, publicUrl);
    const { secret, hash } = tokens.mint();
    const createdAt = now();
    const token = await tokenStore.create({
      id: newId(),
      hash,
      ownerId,
      labels: request.labels ?? {},
      approval: request.approval ?? 'auto',
      uses: request.uses ?? 1,
      createdBy: caller.name,
      createdAt,
      expiresAt: new Date(
        createdAt.getTime() + (request.ttlSeconds ?? DEFAULT_TTL_SECONDS) * 1_000,
      ),
    });
    return { token, secret, url, caSha256 };
  }

  /** Whose it is, was looked at before. @throws {AppError} TOKEN_NOT_FOUND. */
  revokeToken(id: string): Promise<NodeToken> {
    return this.#deps.tokenStore.revoke(id, this.#deps.now());
  }

  /** @throws {AppError} JOIN_PROOF_INVALID, and as `AgentStore.redeem`. */
  async join(request: JoinRequest): Promise<Redeemed> {
    const { store, signatures, tokens, newId, now } = this.#deps;
    const { secret, name, text, signature, ...machine } = request;
    if (!signatures.verify(request.identityKey, text, signature)) {
      throw new AppError('JOIN_PROOF_INVALID', 'The machine did not prove that it holds its key.');
    }
    return store.redeem({
      ...machine,
      tokenHash: tokens.hash(secret),
      nodeId: newId(),
      name: name === undefined ? undefined : requireName(name),
      now: now(),
    });
  }

  /**
   * Believes that a connection is its node's agent, or says why not. Two machines with one identity are told apart by what identifies
   * the machine: the later is refused while the earlier lives, and has to be approved when it does not.
   * @throws {AppError} AGENT_UNKNOWN, JOIN_PROOF_INVALID, NODE_NOT_APPROVED, NODE_REJECTED, AGENT_CLONED, AGENT_MACHINE_CHANGED.
   */
  async connect(request: ConnectRequest): Promise<Connected> {
    const { store, signatures } = this.#deps;
    const { machine, text, signature, ...session } = request;
    const known = await store.find(request.nodeId);
    // One answer for both, so that nobody learns which nodes there are.
    if (!known || !signatures.verify(known.identityKey, text, signature)) {
      throw new AppError('AGENT_UNKNOWN', 'No node has this id and key.', {
        node: request.nodeId,
      });
    }
    const { node } = known;
    if (known.approval === 'rejected') {
      throw new AppError('NODE_REJECTED', `"${node.name}" was turned away.`, { node: node.id });
    }
    if (!isSame(known.machine, machine)) {
      if (known.isLive) {
        throw new AppError(
          'AGENT_CLONED',
          `Another machine is connected as "${node.name}" already.`,
          { node: node.id },
        );
      }
      await store.suspect(node.id, machine);
      throw new AppError(
        'AGENT_MACHINE_CHANGED',
        `This is not the machine that joined as "${node.name}".`,
        { node: node.id },
      );
    }
    if (known.approval === 'pending') {
      throw new AppError('NODE_NOT_APPROVED', `"${node.name}" waits to be approved.`, {
        node: node.id,
      });
    }
    return store.connect(session);
  }

  /** @throws {AppError} NODE_NOT_FOUND, NODE_NOT_PENDING. */
  approve(nodeId: string): Promise<Node> {
    return this.#deps.store.decide(nodeId, { approval: 'approved' });
  }

  /** @throws {AppError} NODE_NOT_FOUND, NODE_NOT_PENDING. */
  reject(nodeId: string, reason: string | undefined): Promise<Node> {
    return this.#deps.store.decide(nodeId, {
      approval: 'rejected',
      ...(reason === undefined ? {} : { reason }),
    });
  }

  async #ownerId(owner: string | undefined, caller: Caller): Promise<string> {
    if (owner === undefined) return caller.id;
    const { id } = await this.#deps.owners.get(owner);
    if (id === caller.id || caller.permissions.has('nodes:any')) return id;
    throw new AppError('PERMISSION_DENIED', 'Nodes for another member need nodes:any.', {
      permission: 'nodes:any',
    });
  }
}

/** @throws {AppError} INPUT_INVALID. */
function urlFor(
  { daemonUrl, discover }: NodeTokenRequest,
  publicUrl: string | undefined,
): string | undefined {
  if (discover && daemonUrl !== undefined) {
    throw new AppError('INPUT_INVALID', 'A token says where the daemon is, or is for looking.', {
      field: 'discover',
    });
  }
  const given = discover ? undefined : (daemonUrl ?? publicUrl);
  return given === undefined ? undefined : requireMachineUrl(given);
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
