import type {
  ContainerFacts,
  ContainerRuntime,
  RunningContainer,
  RunState,
} from '../../core/services/container/runtime.ports.js';
import type { Health, SeenContainer } from './lease.js';
import type { Stray } from './plan.js';

import { errorCode } from '../../core/types/errors/error-code.js';
import { eachOf } from './limit.js';

/** Looked at closely at the same time. */
const LOOKS = 8;

interface Known {
  /** As the list said when it was looked at closely. */
  readonly listed: RunState;
  readonly facts: ContainerFacts;
  readonly upSinceMs: number;
  readonly seenSinceMs: number;
}

/** What is known of the containers of this node: one list each time, and a close look at what is otherwise than before. */
export class Sight {
  readonly #known = new Map<string, Known>();
  readonly #stale = new Set<string>();

  /**
   * Answers how many are otherwise than they were.
   * @throws {AppError} ENGINE_UNREACHABLE, TIMED_OUT.
   */
  async look(
    runtime: Pick<ContainerRuntime, 'list' | 'inspect'>,
    node: string,
    now: () => number,
  ): Promise<number> {
    const listed = await runtime.list(node);
    const ids = new Set(listed.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    for (const id of this.#stale) if (!ids.has(id)) this.#stale.delete(id);
    const changed = listed.filter(
      ({ id, state }) => this.#stale.has(id) || this.#known.get(id)?.listed !== state,
    );
    let news = 0;
    await eachOf(changed, LOOKS, async (one) => {
      if (await this.#inspect(runtime, one, now)) news += 1;
    });
    return news;
  }

  /** It is looked at closely the next time, whatever the list says. */
  doubt(container: string): void {
    this.#stale.add(container);
  }

  /** All that runs is. Answers how many. */
  doubtAll(): number {
    for (const [id, { facts }] of this.#known) if (facts.pid !== undefined) this.#stale.add(id);
    return this.#stale.size;
  }

  /** @param health - of each container that is asked how it is. */
  containersOf(
    lease: string,
    health: (id: string) => Health | undefined = () => undefined,
  ): readonly SeenContainer[] {
    return this.all()
      .filter(({ facts }) => facts.labels.lease === lease)
      .map(({ facts, upSinceMs }) => {
        const { id, name, labels, state, exitCode, restarts, startedAt } = facts;
        const { specHash } = labels;
        const of = health(id);
        const seen = { id, name, specHash, state, exitCode, restarts, startedAt, upSinceMs };
        return of ? { ...seen, health: of } : seen;
      });
  }

  factsOf(container: string): ContainerFacts | undefined {
    return this.#known.get(container)?.facts;
  }

  /** Containers that no lease is known for. */
  strays(isKnown: (lease: string) => boolean): readonly (Stray & { readonly lease: string })[] {
    return this.all()
      .filter(({ facts }) => !isKnown(facts.labels.lease))
      .map(({ facts, seenSinceMs }) => ({ id: facts.id, lease: facts.labels.lease, seenSinceMs }));
  }

  all(): readonly Known[] {
    return [...this.#known.values()];
  }

  async #inspect(
    runtime: Pick<ContainerRuntime, 'inspect'>,
    { id, state }: RunningContainer,
    now: () => number,
  ): Promise<boolean> {
    const before = this.#known.get(id);
    try {
      const facts = await runtime.inspect(id);
      const at = now();
      const isSameRun =
        before !== undefined &&
        before.facts.startedAt === facts.startedAt &&
        before.facts.state === facts.state;
      this.#stale.delete(id);
      this.#known.set(id, {
        listed: state,
        facts,
        upSinceMs: isSameRun ? before.upSinceMs : at,
        seenSinceMs: before?.seenSinceMs ?? at,
      });
      return !isSameRun;
    } catch (error) {
      if (errorCode(error) !== 'RUNTIME_NOT_FOUND') throw error;
      // It went between the two looks.
      return this.#known.delete(id);
    }
  }
}
