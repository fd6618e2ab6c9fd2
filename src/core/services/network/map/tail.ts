import { type Fingerprint, textOf } from './fingerprint.js';

/** A node that was away for more changes than this is told all anew. */
const MAX_CHANGES = 32;
/** As long as this is less than a map, it is worth keeping. */
const MAX_BYTES = 32_768;

/** One change, as one node is told of it. */
export interface Notice {
  readonly sequence: number;
  /** The last change before it that concerned this node. */
  readonly previous: number;
  /** Of its map before. */
  readonly before: Fingerprint;
  /** Of its map after. */
  readonly hash: Fingerprint;
  /** Serialised once; the very same bytes for everybody whom the change concerns in the same way. */
  readonly body: Uint8Array;
}

/** The last changes that concerned a node, for when it comes back and says what it has. */
export class Tail {
  #notices: Notice[] = [];
  #bytes = 0;

  push(notice: Notice): void {
    this.#notices.push(notice);
    this.#bytes += notice.body.length;
    while (this.#notices.length > MAX_CHANGES || this.#bytes > MAX_BYTES) {
      this.#bytes -= this.#notices.shift()?.body.length ?? this.#bytes;
    }
  }

  /** What came after this version; nothing where it is not known any more, or where the node does not have what it should. */
  after(sequence: number, hash: string): readonly Notice[] | undefined {
    const first = this.#notices.findIndex((one) => one.previous === sequence);
    const before = this.#notices[first]?.before;
    if (!before || textOf(before) !== hash) return undefined;
    return this.#notices.slice(first);
  }
}
