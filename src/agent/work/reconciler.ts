import type { ContainerRuntime } from '../../core/services/container/runtime.ports.js';
import type { LeaseReport } from '../../contract/agent/work.js';
import type { Log } from '../log.js';
import type { Engine } from './engine.js';
import type { LentPart } from './lent-part.js';
import type { WorkFiles } from './work-files.js';

import { errorCode } from '../../core/types/errors/error-code.js';
import { slept } from '../../core/utils/slept.js';
import { HealthProbes } from './health.js';
import {
  effective,
  isLive,
  type LeaseRecord,
  matching,
  type Running,
  waitsForVolumes,
} from './lease.js';
import { endedReport, leaseReport } from './lease-report.js';
import { listen } from './listen.js';
import { Memories } from './memories.js';
import { plan, planStrays, type Step } from './plan.js';
import { Sight } from './sight.js';
import { StepError, type StepParts, Steps } from './steps.js';

/** Nothing is missed for longer, whatever the engine forgets to tell. */
const TICK_MS = 30_000;
/** An event that changes nothing in the list may be a container that was started again in between. So often all are looked at for that. */
const FULL_LOOK_MS = 5_000;
const ROUND_RETRY_MS = 1_000;

export interface ReconcilerParts extends StepParts {
  readonly files: Pick<WorkFiles, 'change' | 'note' | 'state'>;
  readonly engine: Engine;
  readonly lent: Pick<LentPart, 'openLease' | 'closeLease' | 'doubt' | 'keep'>;
  readonly log: Log;
  /** Since when all of the work has been known, as told since this process began. */
  readonly completeSinceMs: () => number | undefined;
  /** What can be said of a lease may be otherwise. */
  readonly onLease: (lease: string) => void;
  /** It has failed, perhaps just as before: that is told each time. */
  readonly onFailure: (lease: string) => void;
  /** The engine is there, or no more. */
  readonly onEngine: () => void;
  /** What runs in each lease that has a container, with the process to be counted. */
  readonly onRunning: (running: ReadonlyMap<string, Running | undefined>) => void;
  /** This process's own clock. */
  readonly nowMs?: () => number;
}

interface Run {
  readonly stop: AbortController;
  /** Stops are not waited for any more. */
  readonly hurry: AbortController;
  /** It takes away what the lease has. */
  readonly isEnd: boolean;
  readonly ended: Promise<void>;
  doing: Step['kind'] | undefined;
}

/**
 * Brings the containers of this node to what its work says: looks, plans, takes steps, and looks again. Different leases are worked on at
 * the same time, one lease by one step at a time. Whatever wakes it says only that something may be otherwise.
 */
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #nowMs: () => number;
  readonly #sight = new Sight();
  readonly #steps: Steps;
  readonly #health: HealthProbes;
  readonly #runs = new Map<string, Run>();
  readonly #memories: Memories;
  #wake = Promise.withResolvers<void>();
  #wasEvent = false;
  #fullLookAtMs = 0;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    this.#nowMs = parts.nowMs ?? (() => performance.now());
    this.#steps = new Steps(parts);
    this.#memories = new Memories(parts, this.#nowMs);
    this.#health = new HealthProbes(
      () => parts.engine.current?.runtime,
      () => this.wake(),
    );
  }

  /** Something may be otherwise. */
  wake(): void {
    this.#wake.resolve();
  }

  /** What a lease is to be is otherwise: what was under way for it is of no use, and what failed may work now. */
  changed(lease: string): void {
    this.#memories.startOver(lease);
    this.#cutShort(lease);
    this.#parts.onLease(lease);
    this.wake();
  }

  /** A stop is waited for, unless the lease has been taken away since: then what is left of it goes soon. */
  #cutShort(lease: string): void {
    const run = this.#runs.get(lease);
    run?.stop.abort();
    const record = this.#parts.files.state.leases.get(lease);
    if (!run || run.isEnd || !record?.ending) return;
    if (run.doing === 'stop' || run.doing === 'restart') this.#memories.of(lease).isLate = true;
    run.hurry.abort();
  }

  /** Its process is gone, and no event said so. */
  doubt(lease: string): void {
    for (const { id } of this.#sight.containersOf(lease)) this.#sight.doubt(id);
    this.wake();
  }

  /** As it stands now; undefined of what is not known here. */
  report(lease: string): LeaseReport | undefined {
    const { leases, ended } = this.#parts.files.state;
    const record = leases.get(lease);
    if (!record) {
      const generation = ended.get(lease);
      return generation === undefined ? undefined : endedReport(lease, generation);
    }
    const containers = this.#containersOf(lease);
    const match = matching(record, containers);
    const memory = this.#memories.of(lease);
    const probe = match && this.#health.of(match.id);
    const words = probe?.health === 'unhealthy' ? probe.output : memory.words?.text;
    return leaseReport(record, {
      containers,
      facts: match && this.#sight.factsOf(match.id),
      doing: this.#runs.get(lease)?.doing,
      failure: memory.failure,
      // What was found for a spec before says nothing of this one.
      digest: memory.image?.of === effective(record).specHash ? memory.image.digest : undefined,
      failures: memory.failures,
      words,
      end: memory.end,
    });
  }

  /** The container of a lease that can be read from, or run something in: the one that it is to be, or else one that runs. */
  containerOf(lease: string): string | undefined {
    const record = this.#parts.files.state.leases.get(lease);
    const containers = this.#sight.containersOf(lease);
    const match = record && matching(record, containers);
    const live = containers.find(isLive);
    return (match && isLive(match) ? match : (live ?? match))?.id;
  }

  /** Steps are being taken for it. */
  isBusy(lease: string): boolean {
    return this.#runs.has(lease);
  }

  /** Until the signal aborts; nothing is under way any more then. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const { engine, node } = this.#parts;
    const events = listen(engine, node, AbortSignal.any([signal, over.signal]), (isEvent) => {
      this.#wasEvent ||= isEvent;
      this.wake();
    });
    try {
      while (!signal.aborted) {
        this.#wake = Promise.withResolvers();
        await this.#pause(await this.#safeRound(), signal);
      }
    } finally {
      over.abort();
      this.#health.close();
      for (const { stop, hurry } of this.#runs.values()) {
        stop.abort();
        hurry.abort();
      }
      await Promise.all([...this.#runs.values()].map(({ ended }) => ended));
      await events;
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.#wake.promise, slept(ms, AbortSignal.any([signal, over.signal]))]);
    over.abort();
  }

  /** A bug in one round is no end of all containers. */
  async #safeRound(): Promise<number> {
    try {
      return await this.#round();
    } catch (error) {
      this.#parts.log.error('a look at the containers failed', { reason: String(error) });
      return ROUND_RETRY_MS;
    }
  }

  /** Answers after how long to look again, if nothing wakes it sooner. */
  async #round(): Promise<number> {
    const { engine, onEngine, log } = this.#parts;
    const isOther = await engine.look();
    // It may have started anew, and what ran with it.
    if (isOther) this.#sight.doubtAll();
    const { current } = engine;
    if (!current) {
      if (isOther) onEngine();
      return engine.retryMs;
    }
    // What is under way when the list is made has changed by the time that it is read.
    const busy = new Set(this.#runs.keys());
    try {
      await this.#look(current.runtime);
    } catch (error) {
      log.warn('the containers could not be looked at', { reason: String(error) });
      engine.lost(error);
      onEngine();
      return engine.retryMs;
    }
    engine.proven();
    // Only now: one that cannot say what it has is of no use, and would come and go.
    if (isOther) onEngine();
    const nowMs = this.#nowMs();
    const later = [await this.#parts.lent.keep(nowMs)];
    for (const [lease, record] of this.#parts.files.state.leases) {
      if (busy.has(lease) || this.#runs.has(lease)) continue;
      const at = this.#work(lease, record, current.runtime, nowMs);
      if (at !== undefined) later.push(at);
    }
    const strays = this.#reap(current.runtime, nowMs);
    if (strays !== undefined) later.push(strays);
    this.#tell();
    const untilMs = Math.min(...later, this.#fullLookDueMs(nowMs)) - nowMs;
    return Math.min(TICK_MS, Math.max(1, untilMs));
  }

  async #look(runtime: ContainerRuntime): Promise<void> {
    const { node } = this.#parts;
    const wasEvent = this.#wasEvent;
    this.#wasEvent = false;
    const looks = await this.#sight.look(runtime, node, this.#nowMs);
    if (!wasEvent || looks > 0) return;
    if (this.#nowMs() < this.#fullLookAtMs) {
      this.#wasEvent = true;
      return;
    }
    this.#fullLookAtMs = this.#nowMs() + FULL_LOOK_MS;
    if (this.#sight.doubtAll() > 0) await this.#sight.look(runtime, node, this.#nowMs);
  }

  #fullLookDueMs(nowMs: number): number {
    return this.#wasEvent ? Math.max(nowMs, this.#fullLookAtMs) : Infinity;
  }

  /** Begins what is to be done for one lease. Answers when to look again. */
  #work(lease: string, record: LeaseRecord, runtime: ContainerRuntime, nowMs: number) {
    const memory = this.#memories.of(lease);
    const containers = this.#containersOf(lease);
    const match = matching(record, containers);
    if (match) this.#memories.saw(record, match);
    const isVolumeHeld = waitsForVolumes(record, this.#parts.files.state.leases);
    if (!record.ending) memory.isLate = false;
    const { notBeforeMs, isLate } = memory;
    const seen = { containers, notBeforeMs, isLate, isVolumeHeld };
    const { steps, lookAgainAtMs } = plan(record, seen, nowMs);
    if (steps.length === 0) {
      // An engine that starts it again at once shows it as running all the while: only a close look tells whether it has stayed up.
      if (match?.state === 'running' && lookAgainAtMs !== undefined) this.#sight.doubt(match.id);
      if (match?.state === 'running' && lookAgainAtMs === undefined) memory.failure = undefined;
      if (match?.state === 'exited' || match?.state === 'restarting') {
        void this.#memories.listenToLast(lease, match, runtime);
      }
      return lookAgainAtMs;
    }
    this.#begin(lease, steps, runtime);
  }

  #begin(lease: string, steps: readonly Step[], runtime: ContainerRuntime): void {
    const [stop, hurry] = [new AbortController(), new AbortController()];
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const isEnd = this.#parts.files.state.leases.get(lease)?.ending !== undefined;
    const run: Run = { stop, hurry, isEnd, ended, doing: undefined };
    this.#runs.set(lease, run);
    const take = async () => {
      try {
        await this.#steps.take(steps, {
          runtime,
          lease,
          signal: stop.signal,
          hurry: hurry.signal,
          onStep: ({ kind }) => {
            run.doing = kind;
            if (kind !== 'settle') this.#parts.onLease(lease);
          },
          onImage: ({ specHash }, { digest }) => {
            this.#memories.of(lease).image = { of: specHash, digest };
          },
          onFailure: (failure) => this.#memories.failed(lease, failure),
        });
        this.#memories.taken(lease, steps);
      } catch (error) {
        await this.#notTaken(lease, error, runtime);
      } finally {
        this.#runs.delete(lease);
        for (const { id } of this.#sight.containersOf(lease)) this.#sight.doubt(id);
        this.#parts.onLease(lease);
        resolve();
        this.wake();
      }
    };
    void take();
  }

  async #notTaken(lease: string, error: unknown, runtime: ContainerRuntime): Promise<void> {
    const { engine, onEngine, log } = this.#parts;
    if (!(error instanceof StepError)) {
      log.error('a step failed in an unforeseen way', { lease, reason: String(error) });
      const reason = 'The agent failed at it; its log says how.';
      await this.#memories.failed(lease, { code: 'INTERNAL', reason }).catch(() => undefined);
      return;
    }
    const { failure, made, cause } = error;
    if (errorCode(cause) === 'ENGINE_UNREACHABLE') {
      // That says nothing of the container: it is looked at again when the engine is back.
      this.#memories.lost(lease);
      engine.lost(cause);
      onEngine();
      return;
    }
    try {
      const next = await this.#memories.failed(lease, failure);
      // Nothing that is half made stays.
      if (next !== 'retry' && made !== undefined) await runtime.remove(made);
    } catch (again) {
      log.warn('what follows from a failure could not be done', { lease, reason: String(again) });
    }
  }

  /** Takes away what nobody knows, when that is certain. Answers when to look again. */
  #reap(runtime: ContainerRuntime, nowMs: number): number | undefined {
    const { files, completeSinceMs, log } = this.#parts;
    const strays = this.#sight
      .strays((lease) => files.state.leases.has(lease))
      .filter(({ lease }) => !this.#runs.has(lease));
    const unknown = new Set(strays.map(({ lease }) => lease));
    this.#memories.keepOnly(
      (lease) => files.state.leases.has(lease) || this.#runs.has(lease) || unknown.has(lease),
    );
    const plans = planStrays(
      strays.map((stray) => ({ ...stray, notBeforeMs: this.#memories.notBeforeMs(stray.lease) })),
      completeSinceMs(),
      nowMs,
    );
    const { due, lookAgainAtMs } = plans;
    for (const [lease, some] of Map.groupBy(strays, (stray) => stray.lease)) {
      const steps = some
        .filter(({ id }) => due.includes(id))
        .flatMap(({ id: container }): Step[] => [
          { kind: 'stop', container, graceSeconds: STRAY_STOP_SECONDS, hold: false },
          { kind: 'remove', container },
        ]);
      if (steps.length === 0) continue;
      log.warn('a container that is in no work is removed', { lease });
      this.#begin(lease, [...steps, ...(steps.length === some.length * 2 ? END : [])], runtime);
    }
    return lookAgainAtMs;
  }

  /** Tells whoever counts and whoever asks how it is what there is now. */
  #tell(): void {
    const { files, onRunning, onLease } = this.#parts;
    const running = new Map<string, Running | undefined>();
    for (const { facts } of this.#sight.all()) {
      const { labels, pid, startedAt } = facts;
      const { id: container } = facts;
      const run =
        pid === undefined ? undefined : { pid, container, run: `${container} ${startedAt}` };
      running.set(labels.lease, run ?? running.get(labels.lease));
    }
    onRunning(running);
    const watched = [];
    for (const [lease, record] of files.state.leases) {
      const of = effective(record);
      const match = matching(record, this.#sight.containersOf(lease));
      if (match?.state === 'running' && of.spec.health) {
        const { id: container, startedAt } = match;
        watched.push({ container, startedAt, check: of.spec.health });
      }
      onLease(lease);
    }
    this.#health.watch(watched);
  }

  #containersOf(lease: string) {
    return this.#sight.containersOf(lease, (id) => this.#health.of(id)?.health);
  }
}

/** What nobody knows has no grace of its own. */
const STRAY_STOP_SECONDS = 10;
const END: readonly Step[] = [{ kind: 'end' }];
