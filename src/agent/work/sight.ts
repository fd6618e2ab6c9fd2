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
/** One that the engine cannot show goes by what the list says of it for so long. */
const LOOK_AGAIN_MS = 10_000;
/** What says nothing of the engine, or of any other container. */
const ITS_OWN = new Set(['ENGINE_FAILED', 'TIMED_OUT']);

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
  /** When those that could not be looked at closely are again. */
  readonly #unread = new Map<string, number>();

  /**
   * Answers how many are otherwise than they were.
   * @throws {AppError} ENGINE_UNREACHABLE; TIMED_OUT, ENGINE_FAILED (it cannot say what it has).
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
    for (const id of this.#unread.keys()) if (!ids.has(id)) this.#unread.delete(id);
    const changed = listed.filter(
      ({ id, state }) =>
        this.#stale.has(id) || this.#unread.has(id) || this.#known.get(id)?.listed !== state,
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
        const { id, name, labels, state, exitCode, oomKilled, restarts, startedAt } = facts;
        const { specHash } = labels;
        const of = health(id);
        const end = { exitCode, oomKilled };
        const seen = { id, name, specHash, state, ...end, restarts, startedAt, upSinceMs };
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
    one: RunningContainer,
    now: () => number,
  ): Promise<boolean> {
    const { id } = one;
    if ((this.#unread.get(id) ?? 0) > now())
      return this.#keep(one, unread(one, this.factsOf(id)), now());
    try {
      const facts = await runtime.inspect(id);
      this.#stale.delete(id);
      this.#unread.delete(id);
      return this.#keep(one, facts, now());
    } catch (error) {
      const code = errorCode(error);
      if (code !== undefined && ITS_OWN.has(code)) {
        this.#unread.set(id, now() + LOOK_AGAIN_MS);
        return this.#keep(one, unread(one, this.factsOf(id)), now());
      }
      if (code !== 'RUNTIME_NOT_FOUND') throw error;
      // It went between the two looks.
      return this.#known.delete(id);
    }
  }

  /** Answers whether it is otherwise than it was. */
  #keep({ id, state }: RunningContainer, facts: ContainerFacts, at: number): boolean {
    const before = this.#known.get(id);
    const isSameRun =
      before !== undefined &&
      before.facts.startedAt === facts.startedAt &&
      before.facts.state === facts.state;
    this.#known.set(id, {
      listed: state,
      facts,
      upSinceMs: isSameRun ? before.upSinceMs : at,
      seenSinceMs: before?.seenSinceMs ?? at,
    });
    return !isSameRun;
  }
}

/** As the list has it, with what was known of it before. */
function unread(one: RunningContainer, before: ContainerFacts | undefined): ContainerFacts {
  const isSame = before?.state === one.state;
  return {
    ...one,
    pid: isSame ? before.pid : undefined,
    exitCode: isSame ? before.exitCode : undefined,
    oomKilled: isSame && before.oomKilled,
    restarts: before?.restarts ?? 0,
    startedAt: before?.startedAt,
    finishedAt: isSame ? before.finishedAt : undefined,
    error: isSame ? before.error : undefined,
    ports: isSame ? before.ports : [],
  };
}
