import { type Fingerprint, textOf } from './fingerprint.js';

/** A node that was away for more changes than this is told all anew. */
const MAX_CHANGES = 32;
/** As long as this is less than a map, it is worth keeping. */
const MAX_BYTES = 32_768;
/** One more than there are changes: what was before the first. */
const SLOTS = MAX_CHANGES + 1;
const LANES = 4;

/** One change, as one node is told of it. */
export interface Notice {
  readonly sequence: number;
  /** The last change before it that concerned this node. */
  readonly previous: number;
  /** Of its map after. */
  readonly hash: Fingerprint;
  /** Serialised once; the very same bytes for everybody whom the change concerns in the same way. */
  readonly body: Uint8Array;
}

/** Numbers in a ring and not objects: a join is in hundreds of tails, and what lives long and small stops the collector at every turn. */
interface Ring {
  readonly sequences: Float64Array;
  readonly lanes: Int32Array;
  readonly bodies: (Uint8Array | undefined)[];
}

/** The last changes that concerned a node, for when it comes back and says what it has. */
export class Tail {
  #ring: Ring | undefined;
  /** The slot of what was before the first change that is kept. */
  #first = 0;
  #count = 0;
  #bytes = 0;

  /** @param before - the hash of its map before; looked at for the first change alone. */
  push({ sequence, previous, hash, body }: Notice, before: { readonly value: Fingerprint }): void {
    this.#ring ??= {
      sequences: new Float64Array(SLOTS),
      lanes: new Int32Array(SLOTS * LANES),
      bodies: Array.from({ length: SLOTS }),
    };
    if (this.#count === 0) this.#write(this.#ring, this.#first, previous, before.value);
    if (this.#count === MAX_CHANGES) this.#drop(this.#ring);
    this.#count += 1;
    this.#write(this.#ring, (this.#first + this.#count) % SLOTS, sequence, hash, body);
    this.#bytes += body.length;
    while (this.#bytes > MAX_BYTES) this.#drop(this.#ring);
  }

  /** What came after this version; nothing where it is not known any more, or where the node does not have what it should. */
  after(sequence: number, hash: string): readonly Notice[] | undefined {
    const ring = this.#ring;
    if (!ring) return undefined;
    const slots = Array.from(
      { length: this.#count + 1 },
      (_, index) => (this.#first + index) % SLOTS,
    );
    const from = slots.findIndex((slot) => ring.sequences[slot] === sequence);
    const start = slots[from];
    if (start === undefined || textOf(printAt(ring, start)) !== hash) return undefined;
    return slots.slice(from + 1).flatMap((slot, index) => {
      const before = slots[from + index] ?? start;
      const body = ring.bodies[slot];
      if (!body) return [];
      return {
        sequence: ring.sequences[slot] ?? 0,
        previous: ring.sequences[before] ?? 0,
        hash: printAt(ring, slot),
        body,
      };
    });
  }

  #write(ring: Ring, slot: number, sequence: number, hash: Fingerprint, body?: Uint8Array): void {
    ring.sequences[slot] = sequence;
    ring.lanes.set(hash, slot * LANES);
    ring.bodies[slot] = body;
  }

  /** The oldest change becomes what was before the others. */
  #drop(ring: Ring): void {
    this.#first = (this.#first + 1) % SLOTS;
    this.#count -= 1;
    this.#bytes -= ring.bodies[this.#first]?.length ?? 0;
    ring.bodies[this.#first] = undefined;
  }
}

function printAt({ lanes }: Ring, slot: number): Fingerprint {
  const [a = 0, b = 0, c = 0, d = 0] = lanes.subarray(slot * LANES, (slot + 1) * LANES);
  return [a, b, c, d];
}
