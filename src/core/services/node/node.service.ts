import type { ErrorDetails } from '../../types/errors/app-error.js';
import type { Caller } from '../../types/models/member.js';
import type { Node } from '../../types/models/node.js';
import type { OperationRecord } from '../../types/models/operation.js';
import type { NodeChange, NodeDeps, NodeFilter, StickPlan, StickRequest } from './node.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { requireName } from '../../utils/node-name.js';
import { identityFiles, identityPaths, requireMachineUrl, requireSshKeys } from './identity.js';
import { provisionStick } from './provisioning.js';

/** How long a join token on a stick can be redeemed when nobody says otherwise. */
export const DEFAULT_JOIN_TTL_SECONDS = 7 * 24 * 3600;

export interface CreateNodeRequest {
  readonly name: string;
  /** Member that it belongs to; the caller unless said otherwise. */
  readonly owner?: string;
  readonly stick: Omit<StickRequest, 'needsCidata'>;
  readonly description?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sshKeys: readonly string[];
  readonly daemonUrl?: string;
  readonly joinTtlSeconds: number;
  readonly verify: boolean;
  /** Whether the identity is placed on the stick. */
  readonly config: boolean;
  readonly eject: boolean;
}

/** What people say about a node. */
export interface UpdateNodeRequest extends Omit<NodeChange, 'ownerId'> {
  /** Id or name of the member that it belongs to from now on. */
  readonly owner?: string;
}

export interface NodePlan {
  readonly name: string;
  readonly ownerId: string;
  /** `retry` goes on with the failed node of that name. */
  readonly action: 'create' | 'retry';
  readonly stick: StickPlan;
  readonly identityFiles: readonly string[];
  readonly daemonUrl: string | undefined;
  readonly sshKeys: readonly string[];
  readonly warnings: readonly string[];
}

/** The rules of nodes: who may have which name, how a stick makes a node, what deleting keeps. */
export class NodeService {
  readonly #deps: NodeDeps;

  constructor(deps: NodeDeps) {
    this.#deps = deps;
  }

  list(filter: NodeFilter): Promise<readonly Node[]> {
    return this.#deps.store.list(filter);
  }

  /**
   * Runs every check of `create` in the same order, with the same refusals, and touches nothing.
   * @throws {AppError} as `create`.
   */
  async plan(request: CreateNodeRequest, caller: Caller): Promise<NodePlan> {
    const name = requireName(request.name);
    const ownerId = await this.#ownerId(request, caller);
    const sshKeys = requireSshKeys(request.sshKeys);
    const daemonUrl = this.#daemonUrl(request);
    const action = await this.#claimable(name, caller);
    const stick = await this.#deps.sticks.plan({ ...request.stick, needsCidata: request.config });
    return {
      name,
      ownerId,
      action,
      stick,
      identityFiles: request.config ? identityPaths(daemonUrl !== undefined) : [],
      daemonUrl,
      sshKeys,
      warnings: warningsOf(request, daemonUrl),
    };
  }

  /**
   * Registers a node and begins to write its stick. Answers as soon as the work is recorded; how it ends
   * is in the operation and in the node (`provisioned`, or `failed` with a reason). The same call after a
   * failure goes on with the same node and a new join token; the earlier token is revoked.
   *
   * @throws {AppError} before anything is registered: NAME_INVALID, NODE_NAME_TAKEN, NODE_BUSY, INPUT_INVALID, and every
   *   refusal of the stick and of the image.
   */
  async create(
    request: CreateNodeRequest,
    caller: Caller,
  ): Promise<{ node: Node; operation: OperationRecord; warnings: readonly string[] }> {
    const plan = await this.plan(request, caller);
    const claim = this.#deps.sticks.claim(plan.stick);
    try {
      const started = await this.#begin(request, plan, caller);
      this.#deps.jobs.start(started.operation.id, async (signal) => {
        try {
          await provisionStick(this.#deps, started.work, signal);
        } finally {
          claim.release();
        }
      });
      return { node: started.node, operation: started.operation, warnings: plan.warnings };
    } catch (error) {
      claim.release();
      throw error;
    }
  }

  /**
   * @throws {AppError} NODE_NOT_FOUND, NODE_NAME_TAKEN, NAME_INVALID, INPUT_INVALID, MEMBER_NOT_FOUND, PERMISSION_DENIED (to give a node
   *   to another member), OFFER_EXCEEDS_HARDWARE, AGENT_RELEASE_NOT_FOUND, AGENT_NOT_JOINED (no agent to replace), VERSION_CONFLICT.
   */
  async update(ref: string, request: UpdateNodeRequest, caller: Caller): Promise<Node> {
    const { owner, ...change } = request;
    if (change.name !== undefined) requireName(change.name);
    const { ifVersion: _, ...wanted } = request;
    if (Object.values(wanted).every((value) => value === undefined)) {
      throw new AppError('INPUT_INVALID', 'Nothing to change was given.');
    }
    const { store, versions, now } = this.#deps;
    const ownerId = owner === undefined ? undefined : await this.#ownerId({ owner }, caller);
    const { agentVersion: asked } = change;
    const agentVersion = asked === undefined ? undefined : await versions.resolve(asked);
    return store.update(
      ref,
      {
        ...change,
        ...(ownerId === undefined ? {} : { ownerId }),
        ...(agentVersion === undefined ? {} : { agentVersion }),
      },
      now(),
    );
  }

  async #begin(request: CreateNodeRequest, plan: NodePlan, caller: Caller) {
    const { store, tokens, newId, now, address, enrolment } = this.#deps;
    const at = now();
    const { caSha256, caCertificate } = address();
    const { daemonUrl: url } = plan;
    const operationId = newId();
    const token = tokens.mint();
    const expiresAt = new Date(at.getTime() + request.joinTtlSeconds * 1000);
    const { node, operation } = await store.beginProvisioning({
      nodeId: newId(),
      operationId,
      name: plan.name,
      ...(request.description === undefined ? {} : { description: request.description }),
      labels: request.labels,
      subject: { id: caller.id, name: caller.name },
      ownerId: plan.ownerId,
      provisioning: {
        operationId,
        image: plan.stick.image.source,
        target: targetPath(plan.stick),
        ...(plan.stick.drive?.model === undefined ? {} : { model: plan.stick.drive.model }),
        ...(plan.stick.drive?.serial === undefined ? {} : { serial: plan.stick.drive.serial }),
        targetState: 'untouched',
        verified: false,
        identityWritten: false,
        ...(request.config ? { joinTokenExpiresAt: expiresAt.toISOString() } : {}),
      },
      ...(request.config ? { joinToken: { hash: token.hash, expiresAt } } : {}),
      now: at,
    });
    const files = identityFiles({
      nodeId: node.id,
      instanceId: `${node.id}-${operationId.slice(0, 8)}`,
      name: node.name,
      caSha256,
      joinToken: tokens.encode({ secret: token.secret, caSha256, ...(url ? { url } : {}) }),
      joinExpiresAt: expiresAt,
      sshKeys: plan.sshKeys,
      ...(url ? { daemonUrl: url, enrolment: { ...enrolment, caCertificate } } : {}),
    });
    const work = {
      node,
      operationId,
      job: {
        source: sourceOf(request.stick.image),
        ...(request.stick.sha256 === undefined ? {} : { sha256: request.stick.sha256 }),
        target: plan.stick.target,
        identityFiles: request.config ? files : [],
        verify: request.verify,
        unmount: request.stick.unmount,
        eject: request.eject,
      },
    };
    return { node, operation, work };
  }

  /** Whether the name is free, or belongs to a node whose stick failed. */
  async #claimable(name: string, caller: Caller): Promise<NodePlan['action']> {
    const holder = await this.#deps.store.find(name);
    if (!holder) return 'create';
    const mayRetry = holder.owner.id === caller.id || caller.permissions.has('nodes:any');
    if (holder.status === 'failed' && mayRetry) return 'retry';
    const details: ErrorDetails = { node: holder.id, status: holder.status };
    throw holder.status === 'provisioning'
      ? new AppError('NODE_BUSY', `The stick of "${name}" is being written already.`, details)
      : new AppError('NODE_NAME_TAKEN', `There is a node "${name}" already.`, details);
  }

  /** @throws {AppError} MEMBER_NOT_FOUND, PERMISSION_DENIED (a node for somebody else). */
  async #ownerId({ owner }: { readonly owner?: string }, caller: Caller): Promise<string> {
    if (owner === undefined) return caller.id;
    const { id } = await this.#deps.owners.get(owner);
    if (id === caller.id || caller.permissions.has('nodes:any')) return id;
    throw new AppError('PERMISSION_DENIED', 'A node for another member needs nodes:any.', {
      permission: 'nodes:any',
    });
  }

  #daemonUrl(request: CreateNodeRequest): string | undefined {
    const given = request.daemonUrl ?? this.#deps.address().publicUrl;
    return given === undefined ? undefined : requireMachineUrl(given);
  }
}

function warningsOf(request: CreateNodeRequest, daemonUrl: string | undefined): readonly string[] {
  return [
    ...(request.config && daemonUrl === undefined
      ? [
          'This daemon has no address that a node can reach: give --daemon-url, or set publicUrl. The node will not join.',
        ]
      : []),
    ...(request.config ? [] : ['The stick gets no identity (--no-config): it will not join.']),
    ...(request.verify ? [] : ['The stick will not be read back (--no-verify).']),
  ];
}

function targetPath(stick: StickPlan): string {
  return stick.target.kind === 'device' ? stick.target.identity.path : stick.target.path;
}

function sourceOf(image: string): { kind: 'seed' } | { kind: 'file'; path: string } {
  return image === 'seed' ? { kind: 'seed' } : { kind: 'file', path: image };
}
