import type { Sample } from '../types/models/sample.js';

/** From here on a machine is not well. */
export const ailingFrom = {
  diskShare: 0.95,
  memoryShare: 0.95,
  celsius: 90,
  skewMs: 30_000,
} as const;

/** What an agent's word can show to be wrong with its machine, and how the reason of a degraded node says it: without numbers, which change. */
const texts = {
  'disk-full': `Its disk is ${ailingFrom.diskShare * 100} % full or more.`,
  'memory-short': `Its memory is ${ailingFrom.memoryShare * 100} % used or more.`,
  'too-hot': `It is ${ailingFrom.celsius} °C hot or hotter.`,
  'clock-off': `Its clock is ${ailingFrom.skewMs / 1_000} s off or more.`,
} as const;

export type Ailment = keyof typeof texts;

const known: readonly Ailment[] = ['disk-full', 'memory-short', 'too-hot', 'clock-off'];

/** Those that this program knows, in their order: what is stored may be of a newer one. */
export function knownAilments(codes: readonly string[]): readonly Ailment[] {
  return known.filter((ailment) => codes.includes(ailment));
}

export function ailmentReason(ailments: readonly Ailment[]): string {
  return ailments.map((ailment) => texts[ailment]).join(' ');
}

/** Of each ailment that can be told from this, whether it is there. */
function judged({ sample = {}, skewMs }: Observed): ReadonlyMap<Ailment, boolean> {
  const disk = share(sample.diskUsedBytes, sample.diskTotalBytes);
  const memory = share(sample.memoryUsedBytes, sample.memoryTotalBytes);
  const celsius = sample.temperatureCelsius;
  return new Map<Ailment, boolean>([
    ...verdict('disk-full', disk, ailingFrom.diskShare),
    ...verdict('memory-short', memory, ailingFrom.memoryShare),
    ...verdict('too-hot', celsius, ailingFrom.celsius),
    ...verdict('clock-off', Math.abs(skewMs), ailingFrom.skewMs),
  ]);
}

function verdict(
  ailment: Ailment,
  value: number | undefined,
  from: number,
): readonly (readonly [Ailment, boolean])[] {
  return value === undefined ? [] : [[ailment, value >= from]];
}

/** How much of what there is is used, from 0 to 1. Undefined where nothing is known, or there is nothing. */
export function share(used: number | undefined, total: number | undefined): number | undefined {
  return used === undefined || !total ? undefined : used / total;
}

/** What one heartbeat shows. */
interface Observed {
  readonly sample?: Sample | undefined;
  readonly skewMs: number;
}

/** So many heartbeats in a row have to say the same, so that a node at a limit does not come and go. */
const IN_A_ROW = 3;

/** Watches one machine: an ailment begins, and ends, when several heartbeats in a row say so. */
export class AilmentWatch {
  readonly #present: Set<Ailment>;
  /** Of each, how many heartbeats in a row have said otherwise. */
  readonly #against = new Map<Ailment, number>();

  /** @param present - what was wrong with it when it was last watched. */
  constructor(present: readonly Ailment[]) {
    this.#present = new Set(present);
  }

  /** What is wrong with it now, after one more heartbeat. */
  observe(observed: Observed): readonly Ailment[] {
    for (const [ailment, isThere] of judged(observed)) {
      const against = isThere === this.#present.has(ailment) ? 0 : this.#countOf(ailment) + 1;
      this.#against.set(ailment, against < IN_A_ROW ? against : 0);
      if (against < IN_A_ROW) continue;
      if (isThere) this.#present.add(ailment);
      else this.#present.delete(ailment);
    }
    return known.filter((ailment) => this.#present.has(ailment));
  }

  #countOf(ailment: Ailment): number {
    return this.#against.get(ailment) ?? 0;
  }
}
