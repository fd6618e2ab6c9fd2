import type { Capacity, Offer } from '../types/models/agent.js';

const GIB = 2 ** 30;
const PARTS = [
  ['cpuMillis', cores, cores, ''],
  ['memoryBytes', gibibytes, bytesExactly, ' of memory'],
  ['diskBytes', gibibytes, bytesExactly, ' of disk'],
] as const;

/** What of an offer a machine does not have, a sentence each. Nothing while it is not known what it has. */
export function beyondCapacity(offer: Offer, capacity: Capacity | undefined): readonly string[] {
  if (!capacity) return [];
  return PARTS.filter(([part]) => (offer[part] ?? 0) > capacity[part]).map(
    ([part, rounded, exact, what]) => {
      const [offered, there] = [offer[part] ?? 0, capacity[part]];
      // So little more that it would read as the same.
      const text = rounded(offered) === rounded(there) ? exact : rounded;
      return `The offer of ${text(offered)}${what} is more than the ${text(there)} that there are.`;
    },
  );
}

function cores(millis: number): string {
  return `${millis / 1_000} cores`;
}

/** In the unit that offers are written in. */
function gibibytes(bytes: number): string {
  return `${Number((bytes / GIB).toFixed(2))} GiB`;
}

function bytesExactly(bytes: number): string {
  return `${bytes} bytes`;
}
