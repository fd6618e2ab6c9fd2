import type { Service } from '../../types/models/network.js';
import type { Selector } from './selector.js';

/** Who may begin to talk to whom. Both sides become peers. */
export interface MeshRule {
  /** Made of what the rule says, so that a rule is never changed: another is added, and then this is removed. */
  readonly id: string;
  readonly from: Selector;
  readonly to: Selector;
  /** Nothing here means everything. */
  readonly services: readonly Service[];
}

/** A route as it is to be, with its routers in the order that was chosen. */
export interface MeshRoute {
  readonly id: string;
  readonly source: Selector;
  /** Id of the node that is the destination; without it, `destinations` are networks behind the routers. */
  readonly target?: string;
  readonly destinations: readonly string[];
  /** Ids of those that forward, the one that does so at present first; none, where it goes straight to the target. */
  readonly routers: readonly string[];
  readonly metric: number;
  readonly health?: string;
}
