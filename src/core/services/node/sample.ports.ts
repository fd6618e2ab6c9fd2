import type { Named } from '../../types/models/member.js';
import type { Sample, SampleAt } from '../../types/models/sample.js';
import type { HistoryPlan, Retention } from '../../utils/history.js';

/** Samples of machines as they are stored: as they came, and as means over minutes and hours. */
export interface SampleStore {
  /** The newest of each node that has told anything lately. */
  latest(nodeIds: readonly string[]): Promise<ReadonlyMap<string, SampleAt>>;
  /** Means over steps, oldest first. What is not rolled up yet is read from what is finer. */
  history(
    nodeId: string,
    plan: HistoryPlan & { readonly sinceSeconds: number },
  ): Promise<readonly SampleAt[]>;
  /** Makes means of what has become a whole minute or hour. May be done twice. */
  rollUp(): Promise<void>;
  /** Forgets what is kept no longer. */
  prune(retention: Retention): Promise<void>;
}

/** A sample that was believed, and the node that it is of. */
export interface NotedSample {
  readonly node: Named;
  readonly sample: Sample;
}

/** Takes samples that go elsewhere as well. Never waits and never fails: what it cannot pass on is lost. */
export interface SampleSink {
  add(samples: readonly NotedSample[], at: Date): void;
}
