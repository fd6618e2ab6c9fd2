import type { ContainerDetails, ContainerSpec, Rejection } from '../../types/models/container.js';
import type { Caller, Named } from '../../types/models/member.js';
import type {
  ContainerDeps,
  ContainerState,
  NodeRoom,
  StoredContainer,
} from './container.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { requireName } from '../../utils/node-name.js';
import { canonicalJson } from './canonical.js';
import { living, revisionOf } from './container-status.js';
import {
  type AskedSpec,
  changedParts,
  LOST_AFTER_SECONDS,
  specOf,
  unconfinedParts,
} from './defaults.js';
import { place, requireAllPlaced } from './placement.js';
import { edited, onward, requestOf, withRoom } from './rules.js';
import {
  notFound,
  requireConfined,
  requireNode,
  requireSecrets,
  specNow,
  withRevision,
} from './spec-rules.js';

/** A deployment as it is asked for. */
export interface DeployRequest {
  readonly name: string;
  readonly spec: AskedSpec;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly replicas?: number | undefined;
  readonly node?: string | undefined;
  readonly selector?: Readonly<Record<string, string>> | undefined;
  readonly lostAfterSeconds?: number | undefined;
  readonly payFrom?: string | undefined;
}

export interface ContainerPlan {
  readonly name: string;
  readonly action: 'create' | 'update' | 'none';
  readonly spec: ContainerSpec;
  readonly replicas: number;
  readonly payFrom: Named;
  readonly placements: readonly { readonly replica: number; readonly node: Named }[];
  readonly rejections: readonly Rejection[];
  readonly unconfined: readonly string[];
  readonly changed: readonly string[];
  readonly warnings: readonly string[];
}

/** How a container comes to be what is asked for as a whole: planned, deployed, applied. */
export class DeployService {
  readonly #deps: ContainerDeps;

  constructor(deps: ContainerDeps) {
    this.#deps = deps;
  }

  /**
   * Runs every check of `apply`, with the same refusals, and changes nothing. A deployment that finds no place is told with every rejection.
   * @throws {AppError} as `apply`.
   */
  async plan(request: DeployRequest, caller: Caller): Promise<ContainerPlan> {
    const before = await this.#existing(request, caller);
    const draft = await this.#draft(request, caller, before);
    const { container } = draft;
    const { spec } = revisionOf(draft, container.revision);
    const changed = before ? differences(before, draft) : [];
    const numbers = Array.from({ length: container.replicas }, (_, at) => at + 1);
    const taken = new Map(before?.leases.map(({ replica, node }) => [replica, node]));
    const wanted = numbers.filter((replica) => !taken.has(replica));
    const asked = requestOf({ ...draft, leases: before?.leases ?? [] }, wanted, container.revision);
    const rooms = await this.#deps.store.rooms();
    const placed = requireAllPlaced(asked, place(asked, rooms));
    if (before) withRoom({ ...draft, leases: before.leases }, rooms);
    const kept = numbers.flatMap((replica) => {
      const node = taken.get(replica);
      return node ? [{ replica, node }] : [];
    });
    return {
      name: container.name,
      action: before ? (changed.length > 0 ? 'update' : 'none') : 'create',
      spec,
      replicas: container.replicas,
      payFrom: container.payer,
      placements: [...kept, ...placed.placements].toSorted((a, b) => a.replica - b.replica),
      // Of nodes that are asked for nothing there is nothing to say: its own ports are in use there, by itself.
      rejections: wanted.length === 0 ? [] : placed.rejections,
      unconfined: unconfinedParts(spec),
      changed,
      warnings: [...warningsOf(spec, container), ...stayingOf(container, before, rooms)],
    };
  }

  /**
   * Reserves a place for each replica, from where the nodes take over.
   * @throws {AppError} NAME_INVALID, INPUT_INVALID, PAYER_REQUIRED, NODE_NOT_FOUND, SECRET_NOT_FOUND, PERMISSION_DENIED (to give up a
   *   safe default, or to have another member pay), CONTAINER_NAME_TAKEN, LIMIT_REACHED; without room NO_PLACE, or why the node that was named does not
   *   take it: NODE_OFFLINE, NODE_DRAINED, NODE_NOT_SELECTED, ENGINE_MISSING, OFFER_TOO_SMALL, PORT_TAKEN.
   */
  async deploy(request: DeployRequest, caller: Caller): Promise<ContainerDetails> {
    const { store, newId, now } = this.#deps;
    const draft = await this.#draft(request, caller);
    return store.create(draft, (state, rooms) =>
      onward(state, now(), { rooms, newId, isRequired: true }),
    );
  }

  /** @throws {AppError} as `deploy`, but for CONTAINER_NAME_TAKEN. */
  async apply(
    request: DeployRequest,
    caller: Caller,
  ): Promise<{ container: ContainerDetails; outcome: 'created' | 'updated' | 'unchanged' }> {
    const before = await this.#existing(request, caller);
    if (!before) return { container: await this.deploy(request, caller), outcome: 'created' };
    const wanted = await this.#draft(request, caller, before);
    const { id, version } = before.container;
    const { store, newId, now } = this.#deps;
    if (differences(before, wanted).length === 0) {
      const container = await store.find(id);
      if (container) return { container, outcome: 'unchanged' };
      throw notFound(request.name);
    }
    const container = await store.place(
      id,
      (state, rooms) => {
        const at = now();
        const changed = edited(state, {}, at, differences(state, wanted));
        const rewished = { ...changed, container: wishOf(changed.container, wanted.container) };
        const [made] = wanted.revisions;
        const revised = withRoom(made ? withRevision(rewished, made) : rewished, rooms);
        return onward(revised, at, { rooms, newId, isRequired: true });
      },
      // What was compared is what is changed.
      version,
    );
    return { container, outcome: 'updated' };
  }

  /** What a request makes of nothing, or of what is there, every check of which has been made but for places. */
  async #draft(
    request: DeployRequest,
    caller: Caller,
    before?: ContainerState,
  ): Promise<ContainerState> {
    const { newId, now, hash, secretSizes } = this.#deps;
    const name = requireName(request.name);
    const spec = specOf(request.spec);
    const owner = before?.container.owner ?? { id: caller.id, name: caller.name };
    const node =
      request.node === undefined ? undefined : await requireNode(this.#deps.nodes, request.node);
    const payer =
      before && request.payFrom === undefined
        ? before.container.payer
        : await this.#payer(request.payFrom, caller);
    requireConfined(spec, before && specNow(before), caller);
    await requireSecrets(secretSizes, { name, owner }, spec);
    const at = now();
    return {
      container: {
        id: newId(),
        name,
        owner,
        desired: 'running',
        status: 'deploying',
        statusSince: at,
        replicas: request.replicas ?? before?.container.replicas ?? 1,
        revision: 1,
        labels: request.labels ?? {},
        selector: request.selector ?? {},
        ...(node ? { wantedNode: { id: node.id, name: node.name } } : {}),
        payer: { id: payer.id, name: payer.name },
        lostAfterSeconds: request.lostAfterSeconds ?? LOST_AFTER_SECONDS,
        removeVolumes: false,
        createdAt: at,
        updatedAt: at,
        version: 1,
      },
      revisions: [
        {
          revision: 1,
          spec,
          specHash: hash(canonicalJson(spec)),
          createdAt: at,
          createdBy: caller.name,
          state: 'current',
        },
      ],
      leases: [],
      events: [{ type: 'container.created', payload: { image: spec.image } }],
    };
  }

  /** The living container of that name. @throws {AppError} PERMISSION_DENIED where it belongs to another. */
  async #existing({ name }: DeployRequest, caller: Caller): Promise<ContainerState | undefined> {
    const { store } = this.#deps;
    const found = await store.find(requireName(name));
    if (!found) return undefined;
    if (found.owner.id !== caller.id && !caller.permissions.has('containers:any')) {
      throw new AppError(
        'PERMISSION_DENIED',
        `The container "${name}" belongs to another member; ${caller.name} lacks containers:any.`,
        { permission: 'containers:any' },
      );
    }
    return store.state(found.id);
  }

  /** @throws {AppError} PAYER_REQUIRED, NODE_NOT_FOUND, PERMISSION_DENIED. */
  async #payer(ref: string | undefined, caller: Caller): Promise<Named> {
    if (ref !== undefined) {
      const node = await requireNode(this.#deps.nodes, ref);
      if (node.owner.id === caller.id || caller.permissions.has('nodes:any')) return node;
      throw new AppError(
        'PERMISSION_DENIED',
        `"${node.name}" belongs to another member, whose credits are not ${caller.name}’s to spend.`,
        { permission: 'nodes:any' },
      );
    }
    const [only, second] = await this.#deps.nodes.ownedBy(caller.id);
    if (only && !second) return only;
    const has = only ? 'has several nodes' : 'has no node';
    throw new AppError('PAYER_REQUIRED', `${caller.name} ${has}: say which one pays.`);
  }
}

/** Where it may be, how often, and who pays, as another one has it. */
function wishOf(container: StoredContainer, wanted: StoredContainer): StoredContainer {
  const { wantedNode: _, ...rest } = container;
  const { replicas, labels, selector, payer, lostAfterSeconds, wantedNode } = wanted;
  const wish = { replicas, labels, selector, payer, lostAfterSeconds };
  return { ...rest, ...wish, ...(wantedNode ? { wantedNode } : {}) };
}

/** What an application of the same would change. */
function differences(before: ContainerState, wanted: ContainerState): readonly string[] {
  const [one, other] = [before.container, wanted.container];
  const parts = [
    ['replicas', one.replicas, other.replicas],
    ['labels', one.labels, other.labels],
    ['selector', one.selector, other.selector],
    ['node', one.wantedNode?.id, other.wantedNode?.id],
    ['payFrom', one.payer.id, other.payer.id],
    ['lostAfterSeconds', one.lostAfterSeconds, other.lostAfterSeconds],
  ] as const;
  const changed = parts.filter(([, a, b]) => canonicalJson(a ?? null) !== canonicalJson(b ?? null));
  return [...changedParts(specNow(before), specNow(wanted)), ...changed.map(([name]) => name)];
}

function warningsOf(spec: ContainerSpec, { replicas }: StoredContainer): readonly string[] {
  const hasVolume = spec.volumes.some(
    ({ source, readOnly }) => !readOnly || !source.startsWith('/'),
  );
  return [
    ...(hasVolume && replicas > 1
      ? ['Each node has a volume of its own: its replicas do not see each other’s files.']
      : []),
    ...(hasVolume ? ['It stays with its node, and waits for it when that is away.'] : []),
    ...(spec.pull === 'always' || !/(:[^/]+|@sha256:.+)$/.test(spec.image)
      ? ['The image has no version: which one it is, is decided when it is first fetched.']
      : []),
  ];
}

/** A replica that has a place keeps it: what is said of nodes is for those that get one. */
function stayingOf(
  { wantedNode, selector, replicas }: StoredContainer,
  before: ContainerState | undefined,
  rooms: readonly NodeRoom[],
): readonly string[] {
  const staying = living(before?.leases ?? []).filter(({ replica, node }) => {
    const labels = rooms.find(({ id }) => id === node.id)?.labels ?? {};
    const isElsewhere =
      (wantedNode && wantedNode.id !== node.id) ||
      Object.entries(selector).some(([key, value]) => labels[key] !== value);
    return isElsewhere && replica <= replicas;
  });
  if (staying.length === 0) return [];
  const nodes = [...new Set(staying.map(({ node }) => `"${node.name}"`))].join(', ');
  return [
    `What runs on ${nodes} stays there, for a replica that has a place is not moved. To have it where it is asked for, remove the container and deploy it again; what its volumes hold stays behind.`,
  ];
}
