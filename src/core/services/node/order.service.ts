import type { Node } from '../../types/models/node.js';
import type { NodeStore } from './node.ports.js';
import type { OrderStore } from './order.ports.js';

import { AppError } from '../../types/errors/app-error.js';

/** Containers that a refusal tells of by name. */
const MAX_TOLD = 8;

interface Deps {
  readonly store: OrderStore;
  readonly nodes: Pick<NodeStore, 'find' | 'paidFrom' | 'delete'>;
  /** Resolves when the node has no agent any more, true; or false when that takes too long. */
  readonly hasLeft: (nodeId: string) => Promise<boolean>;
  readonly now: () => Date;
}

export interface Deleted {
  readonly node: Node;
  readonly outcome: 'removed' | 'retired';
  /** Whether its machine has said that its keys are gone there; absent where no machine was told. */
  readonly wiped?: boolean;
}

/** What nodes are told to do. Each order is part of what the node is to be, so telling it twice does it once. */
export class OrderService {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** @throws {AppError} NODE_NOT_FOUND, NODE_OFFLINE. */
  restart(ref: string, force: boolean): Promise<{ node: Node; bootId: string }> {
    return this.#deps.store.restart(ref, force);
  }

  /** @throws {AppError} NODE_NOT_FOUND. */
  drain(ref: string, reason: string | undefined): Promise<Node> {
    return this.#deps.store.drain(ref, reason);
  }

  /** @throws {AppError} NODE_NOT_FOUND. */
  undrain(ref: string): Promise<Node> {
    return this.#deps.store.undrain(ref);
  }

  /**
   * Has the machine take its keys away, and then deletes the node; from then on its keys and tokens open nothing, whether or not the
   * machine has answered. With `force` nobody is told, and containers that are paid from it go on being so.
   * @throws {AppError} NODE_NOT_FOUND, NODE_BUSY, NODE_PAYS, VERSION_CONFLICT, NODE_OFFLINE (there is a machine, and it cannot be told).
   */
  async delete(
    ref: string,
    { ifVersion, force }: { readonly ifVersion?: number | undefined; readonly force: boolean },
  ): Promise<Deleted> {
    const { store, nodes, hasLeft, now } = this.#deps;
    const node = await nodes.find(ref);
    if (!node) throw new AppError('NODE_NOT_FOUND', `There is no node "${ref}".`, { node: ref });
    if (!force) await this.#requireUnpaid(node);
    if (force || node.agent?.approval !== 'approved') return nodes.delete(ref, ifVersion, now());
    const { id } = await store.dismiss(ref, ifVersion);
    const wiped = await hasLeft(id);
    // Its version was looked at before it was told to go; now there is no way back.
    return { ...(await nodes.delete(id, undefined, now())), wiped };
  }

  /** @throws {AppError} NODE_PAYS. */
  async #requireUnpaid({ id, name }: Node): Promise<void> {
    const { names, count } = await this.#deps.nodes.paidFrom(id, MAX_TOLD);
    if (count === 0) return;
    const more = count > names.length ? ` and ${count - names.length} more` : '';
    throw new AppError(
      'NODE_PAYS',
      `Containers are paid from "${name}": ${names.join(', ')}${more}.`,
      { node: id, containers: count },
    );
  }
}
