import type { MeshNode } from '../../../types/models/network.js';

import { AppError } from '../../../types/errors/app-error.js';

/** Ids, keys and addresses of the mesh. A packet that could be for two nodes would be for neither. */
export class Identities {
  readonly #holders = new Map<string, string>();

  /** @throws {AppError} MESH_DUPLICATE, and then nothing is taken. */
  take(node: MeshNode): void {
    if (this.#holders.has(`id ${node.id}`)) throw duplicate(node, `id ${node.id}`, node.id);
    this.#require(node);
    for (const mark of marksOf(node)) this.#holders.set(mark, node.id);
  }

  /** @throws {AppError} MESH_DUPLICATE, and then everything stays as it was. */
  replace(before: MeshNode, after: MeshNode): void {
    this.#require(after);
    this.leave(before);
    for (const mark of marksOf(after)) this.#holders.set(mark, after.id);
  }

  leave(node: MeshNode): void {
    for (const mark of marksOf(node)) this.#holders.delete(mark);
  }

  #require(node: MeshNode): void {
    for (const mark of marksOf(node)) {
      const holder = this.#holders.get(mark);
      if (holder !== undefined && holder !== node.id) throw duplicate(node, mark, holder);
    }
  }
}

function marksOf({ id, publicKey, addresses }: MeshNode): readonly string[] {
  return [`id ${id}`, `key ${publicKey}`, `address ${addresses.v4}`, `address ${addresses.v6}`];
}

function duplicate({ id, name }: MeshNode, mark: string, holder: string): AppError {
  return new AppError('MESH_DUPLICATE', `"${name}" cannot have ${mark}: another node has it.`, {
    node: id,
    holder,
  });
}
