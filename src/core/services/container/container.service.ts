import type {
  Container,
  ContainerDetails,
  ContainerSpec,
  Revision,
} from '../../types/models/container.js';
import type { Caller, Named } from '../../types/models/member.js';
import type {
  ContainerDeps,
  ContainerFilter,
  ContainerState,
  LeaseUsage,
  StoredContainer,
} from './container.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { canonicalJson } from './canonical.js';
import { changedParts, changedSpec, type SpecChange } from './defaults.js';
import { edited, freed, onward, tellAll, withRoom } from './rules.js';
import {
  notFound,
  requireConfined,
  requireNode,
  requireSecrets,
  specNow,
  withRevision,
} from './spec-rules.js';

export interface UpdateRequest {
  readonly change: SpecChange;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly removeLabels?: readonly string[] | undefined;
  readonly ifVersion?: number | undefined;
}

/** The rules of containers, as far as members ask for something. What nodes say, and what time brings, is in lease.service.ts. */
export class ContainerService {
  readonly #deps: ContainerDeps;

  constructor(deps: ContainerDeps) {
    this.#deps = deps;
  }

  /** @throws {AppError} NODE_NOT_FOUND. */
  async list({
    node,
    ...filter
  }: Omit<ContainerFilter, 'nodeId'> & { readonly node?: string | undefined }): Promise<
    readonly Container[]
  > {
    const where =
      node === undefined ? {} : { nodeId: (await requireNode(this.#deps.nodes, node)).id };
    return this.#deps.store.list({ ...filter, ...where });
  }

  /** @throws {AppError} CONTAINER_NOT_FOUND. */
  async get(ref: string): Promise<ContainerDetails> {
    const container = await this.#deps.store.find(ref);
    if (container) return container;
    throw notFound(ref);
  }

  /** @throws {AppError} CONTAINER_NOT_FOUND. */
  async history(ref: string): Promise<{ container: Named; revisions: readonly Revision[] }> {
    const { id, name } = await this.get(ref);
    return { container: { id, name }, revisions: await this.#deps.store.history(id) };
  }

  /** @throws {AppError} CONTAINER_NOT_FOUND. */
  async usage(
    ref: string,
    sinceSeconds: number | undefined,
  ): Promise<{ container: Named; usage: readonly LeaseUsage[] }> {
    const { store, now } = this.#deps;
    const { id, name } = await this.get(ref);
    const since =
      sinceSeconds === undefined ? undefined : new Date(now().getTime() - sinceSeconds * 1_000);
    return { container: { id, name }, usage: await store.usage(id, since) };
  }

  /** @throws {AppError} CONTAINER_NOT_FOUND, VERSION_CONFLICT, INPUT_INVALID, SECRET_NOT_FOUND, PERMISSION_DENIED, OFFER_TOO_SMALL, PORT_TAKEN. */
  async update(ref: string, request: UpdateRequest, caller: Caller): Promise<ContainerDetails> {
    const { store, newId, now } = this.#deps;
    const { change, labels, removeLabels = [], ifVersion } = request;
    const given = [...Object.values(change), labels, request.removeLabels];
    if (given.every((value) => value === undefined)) {
      throw new AppError('INPUT_INVALID', 'Nothing to change was given.');
    }
    const current = await this.#state(ref);
    await requireSecrets(this.#deps.secretSizes, current.container, specAfter(current, change));
    return store.place(
      current.container.id,
      (state, rooms) => {
        const at = now();
        const spec = specAfter(state, change);
        const isRenewed = isRenewal(change, spec);
        requireConfined(spec, isRenewed ? undefined : specNow(state), caller);
        const kept = Object.entries({ ...state.container.labels, ...labels }).filter(
          ([key]) => !removeLabels.includes(key),
        );
        const relabelled = { labels: Object.fromEntries(kept) };
        const parts = [
          ...changedParts(specNow(state), spec),
          ...(canonicalJson(relabelled.labels) === canonicalJson(state.container.labels)
            ? []
            : ['labels']),
        ];
        if (parts.length === 0 && !isRenewed) return state;
        const changed = edited(state, relabelled, at, parts.length === 0 ? ['image'] : parts);
        const made = this.#made(spec, caller, at, isRenewed ? newId() : '');
        const revised = withRoom(withRevision(changed, made), rooms);
        return onward(revised, at, { rooms, newId, isRequired: false });
      },
      ifVersion,
    );
  }

  /** @throws {AppError} CONTAINER_NOT_FOUND, VERSION_CONFLICT, NO_PLACE, OFFER_TOO_SMALL, PORT_TAKEN. */
  scale(ref: string, replicas: number, ifVersion: number | undefined): Promise<ContainerDetails> {
    const { store, newId, now } = this.#deps;
    return store.place(
      ref,
      (state, rooms) => {
        if (replicas === state.container.replicas) return state;
        const changed = edited(state, { replicas }, now(), ['replicas']);
        const isRequired = replicas > state.container.replicas;
        return onward(changed, now(), { rooms, newId, isRequired });
      },
      ifVersion,
    );
  }

  /** Also one that ended by itself. @throws {AppError} CONTAINER_NOT_FOUND. */
  start(ref: string): Promise<ContainerDetails> {
    return this.#order(ref, (state) => {
      const isUp = state.container.desired === 'running';
      if (isUp && state.container.status !== 'exited') return state;
      const changed = edited(state, { desired: 'running' }, this.#deps.now(), ['desired']);
      // What ended by itself is not started by being wanted, as it was all the time.
      return tellAll(changed, ({ restart }) => ({
        desired: 'running',
        restart: isUp ? restart + 1 : restart,
      }));
    });
  }

  /** @throws {AppError} CONTAINER_NOT_FOUND. */
  stop(ref: string): Promise<ContainerDetails> {
    return this.#order(ref, (state) => {
      if (state.container.desired === 'stopped') return state;
      const changed = edited(state, { desired: 'stopped' }, this.#deps.now(), ['desired']);
      return tellAll(changed, () => ({ desired: 'stopped' }));
    });
  }

  /** @throws {AppError} CONTAINER_NOT_FOUND, REPLICA_NOT_FOUND, CONTAINER_NOT_RUNNING (it is stopped). */
  restart(ref: string, replica: number | undefined): Promise<ContainerDetails> {
    return this.#order(ref, (state) => {
      const { container, leases } = state;
      const meant = leases.filter((lease) => replica === undefined || lease.replica === replica);
      if (container.desired !== 'running') {
        throw new AppError('CONTAINER_NOT_RUNNING', `"${container.name}" is stopped.`, {
          container: container.id,
        });
      }
      if (replica !== undefined && meant.length === 0) {
        throw new AppError('REPLICA_NOT_FOUND', `"${container.name}" has no replica ${replica}.`, {
          container: container.id,
        });
      }
      const changed = edited(state, {}, this.#deps.now(), ['restart']);
      return {
        ...changed,
        leases: changed.leases.map((lease) =>
          meant.includes(lease) && !lease.leavingAt
            ? { ...lease, restart: lease.restart + 1, generation: lease.generation + 1 }
            : lease,
        ),
      };
    });
  }

  /** Its name is free from now on; its places are, when their nodes have said so. @throws {AppError} CONTAINER_NOT_FOUND, VERSION_CONFLICT. */
  remove(
    ref: string,
    { volumes, ifVersion }: { readonly volumes: boolean; readonly ifVersion?: number | undefined },
  ): Promise<Container> {
    const { store, now } = this.#deps;
    return store.alter(
      ref,
      (state) => {
        // It is on its way out already.
        if (state.container.desired === 'removed') return state;
        const { name } = state.container;
        const container = {
          ...freed(state.container, now()),
          desired: 'removed' as const,
          removeVolumes: volumes,
        };
        const event = { type: 'container.removed' as const, payload: { name } };
        return onward({ ...state, container, events: [...state.events, event] }, now());
      },
      ifVersion,
    );
  }

  /** @throws {AppError} CONTAINER_NOT_FOUND, REVISION_NOT_FOUND, VERSION_CONFLICT, OFFER_TOO_SMALL, PORT_TAKEN, SECRET_NOT_FOUND, PERMISSION_DENIED. */
  async rollback(
    ref: string,
    request: { readonly revision?: number | undefined; readonly ifVersion?: number | undefined },
    caller: Caller,
  ): Promise<ContainerDetails> {
    const { store, newId, now, secretSizes } = this.#deps;
    const state = await this.#state(ref);
    const { container } = state;
    const wanted = request.revision ?? (await this.#revisionBefore(container));
    const found = await store.revision(container.id, wanted);
    if (!found) {
      throw new AppError('REVISION_NOT_FOUND', `"${container.name}" has no revision ${wanted}.`, {
        container: container.id,
      });
    }
    requireConfined(found.spec, specNow(state), caller);
    await requireSecrets(secretSizes, container, found.spec);
    return store.place(
      container.id,
      (before, rooms) => {
        const at = now();
        const changed = edited(before, {}, at, ['revision']);
        const revised = withRevision(changed, {
          ...this.#made(found.spec, caller, at),
          // The same image of two that one tag has had.
          specHash: found.specHash,
          ...(found.digest === undefined ? {} : { digest: found.digest }),
        });
        return onward(withRoom(revised, rooms), at, { rooms, newId, isRequired: false });
      },
      request.ifVersion ?? container.version,
    );
  }

  /** @param mark - tells it from others of the same spec. */
  #made(spec: ContainerSpec, { name: createdBy }: Caller, createdAt: Date, mark = '') {
    const specHash = this.#deps.hash(`${canonicalJson(spec)}${mark}`);
    return { spec, specHash, createdAt, createdBy };
  }

  #order(ref: string, rule: (state: ContainerState) => ContainerState): Promise<ContainerDetails> {
    const { store, now } = this.#deps;
    return store.alter(ref, (state) => {
      if (state.container.desired === 'removed') throw notFound(ref);
      return onward(rule(state), now());
    });
  }

  /** The last one before this that did not fail. @throws {AppError} REVISION_NOT_FOUND. */
  async #revisionBefore(container: StoredContainer): Promise<number> {
    const all = await this.#deps.store.history(container.id);
    const found = all.find(
      ({ revision, state }) => revision < container.revision && state !== 'failed',
    );
    if (found) return found.revision;
    throw new AppError('REVISION_NOT_FOUND', `"${container.name}" has no revision before this.`, {
      container: container.id,
    });
  }

  /** @throws {AppError} CONTAINER_NOT_FOUND. */
  async #state(ref: string): Promise<ContainerState> {
    const { id } = await this.get(ref);
    const state = await this.#deps.store.state(id);
    if (state && state.container.desired !== 'removed') return state;
    throw notFound(ref);
  }
}

/** Whether the image is to be fetched anew, whatever else changes: a tag may have moved, a digest never does. */
function isRenewal({ pull }: SpecChange, { image }: ContainerSpec): boolean {
  return pull === 'always' && !image.includes('@');
}

function specAfter(state: ContainerState, change: SpecChange): ContainerSpec {
  return changedSpec(specNow(state), change);
}
