/** A node that could forward, and what is known of it now. */
export interface Candidate {
  readonly nodeId: string;
  readonly name: string;
  readonly isOnline: boolean;
  /** Its own word on what is behind it; undefined where nothing asks, or nothing has answered yet. */
  readonly isHealthy?: boolean;
  /** The lower goes first. */
  readonly metric: number;
  /** Packets to it go through a relay. */
  readonly isRelayed: boolean;
  /** There and back; undefined where nobody has measured it. */
  readonly latencyMs?: number;
}

/** Why one candidate comes before another. */
export type Reason =
  | 'only'
  | 'online'
  | 'healthy'
  | 'metric'
  | 'direct'
  | 'latency'
  | 'kept'
  | 'id';

export interface Choice {
  /** Best first; those that are dead are last, for one of them may be the first to live again. */
  readonly order: readonly Candidate[];
  /** Absent where none lives. */
  readonly chosen?: Candidate;
  readonly reason?: Reason;
  /** Of each other one, by what it lost. */
  readonly losers: readonly { readonly candidate: Candidate; readonly reason: Reason }[];
}

/** Who is chosen stays so until another is faster by this and by that part: latencies wander, and each change costs packets. */
const MARGIN_MS = 10;
const MARGIN_PART = 0.2;

/**
 * Who forwards: who is online and healthy, then the lower metric, then direct over relayed, then the lower latency, then the lower id. A health that
 * nobody knows counts as good, or a route without a probe would have no router.
 * @param present - id of who forwards now; latency alone takes its place only by a margin.
 */
export function chooseRouter(candidates: readonly Candidate[], present?: string): Choice {
  const holder = candidates.find(({ nodeId }) => nodeId === present);
  const order = candidates.toSorted((a, b) => compare(a, b, holder).sign);
  const [first, second] = order;
  if (!first) return { order, losers: [] };
  if (!isAlive(first)) {
    return { order, losers: order.map((candidate) => ({ candidate, reason: deathOf(candidate) })) };
  }
  const losers = order.slice(1).map((candidate) => ({
    candidate,
    reason: compare(first, candidate, holder).reason,
  }));
  const reason = second ? compare(first, second, holder).reason : 'only';
  return { order, chosen: first, reason, losers };
}

function isAlive({ isOnline, isHealthy }: Candidate): boolean {
  return isOnline && isHealthy !== false;
}

function deathOf({ isOnline }: Candidate): Reason {
  return isOnline ? 'healthy' : 'online';
}

interface Comparison {
  readonly sign: number;
  readonly reason: Reason;
}

function compare(a: Candidate, b: Candidate, holder: Candidate | undefined): Comparison {
  const steps: readonly (readonly [Reason, number])[] = [
    ['online', Number(b.isOnline) - Number(a.isOnline)],
    ['healthy', Number(b.isHealthy !== false) - Number(a.isHealthy !== false)],
    ['metric', a.metric - b.metric],
    ['direct', Number(a.isRelayed) - Number(b.isRelayed)],
    ...byLatency(a, b, holder),
    ['id', a.nodeId < b.nodeId ? -1 : Number(a.nodeId > b.nodeId)],
  ];
  const [reason, sign] = steps.find(([, difference]) => difference !== 0) ?? ['id', 0];
  return { sign, reason };
}

/**
 * Each one's latency is compared as it counts: that of the holder less the margin. So the order is one of numbers, and no three of them can run in
 * a circle, as they would if the margin were a matter of pairs.
 */
function byLatency(
  a: Candidate,
  b: Candidate,
  holder: Candidate | undefined,
): readonly (readonly [Reason, number])[] {
  const difference = counted(a, holder) - counted(b, holder);
  // Two of which nothing is known differ by nothing, and not by NaN.
  if (Number.isNaN(difference) || difference === 0) {
    return [['kept', Number(b === holder) - Number(a === holder)]];
  }
  const isAsMeasured = Math.sign(measured(a) - measured(b)) === Math.sign(difference);
  return [[isAsMeasured ? 'latency' : 'kept', difference]];
}

function measured({ latencyMs }: Candidate): number {
  return latencyMs ?? Number.POSITIVE_INFINITY;
}

function counted(candidate: Candidate, holder: Candidate | undefined): number {
  const latency = measured(candidate);
  if (candidate !== holder || latency === Number.POSITIVE_INFINITY) return latency;
  return latency - Math.max(MARGIN_MS, latency * MARGIN_PART);
}
