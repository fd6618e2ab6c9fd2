import type { Hardware } from '../../types/models/hardware.js';
import type { NodeHealth } from '../../types/models/health.js';
import type { Named } from '../../types/models/member.js';
import type { Node } from '../../types/models/node.js';
import type { SampleAt } from '../../types/models/sample.js';
import type { MachineStore } from './machine.ports.js';
import type { NodeStore } from './node.ports.js';
import type { SampleStore } from './sample.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { planHistory, type Retention } from '../../utils/history.js';
import { findingsOf } from './findings.js';

interface Deps {
  readonly nodes: Pick<NodeStore, 'find' | 'list'>;
  readonly samples: Pick<SampleStore, 'latest' | 'history'>;
  readonly machines: Pick<MachineStore, 'hardware'>;
  readonly retention: Retention;
  readonly version: string;
  readonly now: () => Date;
}

export interface NodeDetails extends Node {
  readonly hardware?: Hardware;
  readonly sample?: SampleAt;
}

export interface NodeHistory {
  readonly node: Named;
  readonly resolutionSeconds: number;
  readonly points: readonly SampleAt[];
}

/** What nodes are, how they fare and fared, and what is wrong with them. */
export class MonitorService {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** @throws {AppError} NODE_NOT_FOUND. */
  async details(ref: string): Promise<NodeDetails> {
    const { samples, machines } = this.#deps;
    const node = await this.#node(ref);
    // Nothing was ever told of a machine that never joined.
    if (!node.agent) return node;
    const [hardware, latest] = await Promise.all([
      machines.hardware(node.id),
      samples.latest([node.id]),
    ]);
    const sample = latest.get(node.id);
    return { ...node, ...(hardware && { hardware }), ...(sample && { sample }) };
  }

  /** @throws {AppError} NODE_NOT_FOUND. */
  async history(ref: string, sinceSeconds: number): Promise<NodeHistory> {
    const { samples, retention } = this.#deps;
    const { id, name } = await this.#node(ref);
    const plan = planHistory(sinceSeconds, retention);
    const points = await samples.history(id, { ...plan, sinceSeconds });
    return { node: { id, name }, resolutionSeconds: plan.stepSeconds, points };
  }

  /** @throws {AppError} NODE_NOT_FOUND. */
  async healthOf(ref: string): Promise<NodeHealth> {
    const [health] = await this.#judge([await this.#node(ref)]);
    if (!health) throw notFound(ref);
    return health;
  }

  /** Of nodes that are not retired, in the order of their names. */
  async health(page: {
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly NodeHealth[]> {
    return this.#judge(await this.#deps.nodes.list({ ...page, retired: false }));
  }

  async #judge(nodes: readonly Node[]): Promise<readonly NodeHealth[]> {
    const { samples, version, now } = this.#deps;
    const latest = await samples.latest(nodes.map(({ id }) => id));
    const at = now();
    return nodes.map((node) => {
      const { id, name, status, agent } = node;
      const findings = findingsOf(node, { sample: latest.get(id), now: at, version });
      const { lastSeenAt } = agent ?? {};
      return { id, name, status, ...(lastSeenAt && { lastSeenAt }), findings };
    });
  }

  async #node(ref: string): Promise<Node> {
    const node = await this.#deps.nodes.find(ref);
    if (!node) throw notFound(ref);
    return node;
  }
}

function notFound(ref: string): AppError {
  return new AppError('NODE_NOT_FOUND', `There is no node "${ref}".`, { node: ref });
}
