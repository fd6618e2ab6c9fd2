import type { Capacity, Offer } from '../types/models/agent.js';

const PARTS = [
  ['cpuMillis', 'thousandths of a core'],
  ['memoryBytes', 'bytes of memory'],
  ['diskBytes', 'bytes of disk'],
] as const;

/** What of an offer a machine does not have, a sentence each. Nothing while it is not known what it has. */
export function beyondCapacity(offer: Offer, capacity: Capacity | undefined): readonly string[] {
  if (!capacity) return [];
  return PARTS.filter(([part]) => (offer[part] ?? 0) > capacity[part]).map(
    ([part, unit]) =>
      `The offer of ${offer[part]} ${unit} is more than the ${capacity[part]} that there are.`,
  );
}
