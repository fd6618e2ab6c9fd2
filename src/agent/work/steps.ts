import type { ContainerRuntime, FoundImage } from '../../core/services/container/runtime.ports.js';
import type { ImageRights } from './image-rights.js';
import type { LentPart } from './lent-part.js';
import type { Step } from './plan.js';
import type { SecretFiles } from './secret-files.js';
import type { Meter } from './usage.js';
import type { WorkFiles } from './work-files.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { errorCode } from '../../core/types/errors/error-code.js';
import { allowedBind } from './binds.js';
import { lastWords } from './last-words.js';
import {
  effective,
  type Failure,
  type Held,
  isLeaving,
  leaseId,
  type LeaseRecord,
  promisedCpuMillis,
} from './lease.js';
import { Turnstile } from './limit.js';
import { requireVolumes, runSpec } from './run-spec.js';

/** At the same time, over all leases. An image may take long, and holds up no container that is to be stopped. */
const PULLS = 4;
const STEPS = 8;
const MAX_REASON = 512;
/** A lease has no more than a few containers; ids of those that have gone some other way are not kept for ever. */
const MAX_LEAVING = 16;

export interface StepParts {
  /** Id of the node. */
  readonly node: string;
  readonly files: Pick<WorkFiles, 'change' | 'note' | 'state'>;
  readonly secrets: Pick<SecretFiles, 'paths' | 'registryAuth' | 'keepOnly'>;
  readonly rights: Pick<ImageRights, 'ensure'>;
  /** As `lentFolders` found them. */
  readonly allowBind: readonly string[];
  readonly lent: Pick<LentPart, 'openLease' | 'closeLease' | 'doubt'>;
  readonly meter: Pick<Meter, 'end' | 'forget'>;
}

/** What happens around the steps of one lease. */
export interface StepRun {
  readonly runtime: ContainerRuntime;
  readonly lease: string;
  /** What is to be done is otherwise. A stop that was begun goes on all the same: only what has ended is started again. */
  readonly signal: AbortSignal;
  /** Nor is a stop waited for any more: this process ends, or the container is to go sooner. */
  readonly hurry: AbortSignal;
  readonly onStep: (step: Step) => void;
  readonly onImage: (of: Held, image: FoundImage) => void;
  /** It did not come up. Resolves when what follows from it lies on the disk. */
  readonly onFailure: (failure: Failure) => Promise<unknown>;
}

/** A step that did not work, and what it had made by then. */
export class StepError extends Error {
  readonly failure: Failure;
  readonly made: string | undefined;

  constructor(failure: Failure, made: string | undefined, cause: unknown) {
    super(failure.reason, { cause });
    this.failure = failure;
    this.made = made;
  }
}

/** Takes steps. Knows nothing of why. */
export class Steps {
  readonly #parts: StepParts;
  readonly #pulls = new Turnstile(PULLS);
  readonly #steps = new Turnstile(STEPS);

  constructor(parts: StepParts) {
    this.#parts = parts;
  }

  /**
   * One after the other, until one does not work or the signal aborts.
   * @throws {StepError}
   */
  async take(steps: readonly Step[], run: StepRun): Promise<void> {
    const context: Context = { image: undefined, made: undefined };
    for (const step of steps) {
      if (run.signal.aborted) return;
      run.onStep(step);
      try {
        await this.#inTurn(step, () => this.#take(step, run, context));
      } catch (error) {
        if (run.signal.aborted) return;
        throw new StepError(failureOf(step, error), context.made, error);
      }
    }
  }

  /** How long a container takes to end is its member's to say, up to an hour: that holds nobody's turn. */
  #inTurn(step: Step, take: () => Promise<void>): Promise<void> {
    if (step.kind === 'stop' || step.kind === 'restart') return take();
    return (step.kind === 'pull' ? this.#pulls : this.#steps).pass(take);
  }

  async #take(step: Step, run: StepRun, context: Context): Promise<void> {
    const { runtime, lease } = run;
    const { files } = this.#parts;
    switch (step.kind) {
      case 'pull':
        context.image = await this.#pull(step.of, run);
        return;
      case 'create':
        context.made = await this.#create(step.of, run, context.image);
        return;
      case 'start': {
        const container = step.container ?? context.made;
        if (container === undefined) return;
        context.made = container;
        if (!(await this.#started(run, container, step.of))) return;
        return this.#released(lease, container);
      }
      case 'stop':
        await (step.hold ? this.#hold(lease, step.container) : this.#leave(lease, step.container));
        return gone(runtime.stop(step.container, step.graceSeconds, run.hurry));
      case 'hold':
        return this.#hold(lease, step.container);
      case 'remove':
        await gone(runtime.remove(step.container));
        return this.#left(lease, step.container);
      case 'remove-volume':
        return this.#removeVolume(runtime, step.name);
      case 'restart':
        return this.#restart(run, step);
      case 'restarted':
        return files.note(lease, (record) => restarted(record, step.number));
      case 'release':
        return files.note(lease, released);
      case 'settle':
        return this.#settle(lease, step.of, context.image);
      case 'fail':
        return this.#fail(run, step);
      case 'end':
        return this.#end(lease);
    }
  }

  async #pull(of: Held, { runtime, signal, onImage }: StepRun): Promise<FoundImage> {
    const { image: ref, pull: policy } = of.spec;
    const auth = await this.#parts.secrets.registryAuth(of);
    const digest = of.digest === undefined ? {} : { digest: of.digest };
    const image = await this.#parts.rights.ensure(
      runtime,
      { ref, policy, ...digest, ...(auth ? { auth } : {}) },
      signal,
    );
    requireVolumes(of, image);
    onImage(of, image);
    return image;
  }

  async #create(of: Held, { runtime }: StepRun, image: FoundImage | undefined): Promise<string> {
    const { node, allowBind, secrets } = this.#parts;
    const binds = new Map<string, string>();
    for (const { source } of of.spec.volumes) {
      if (source.startsWith('/')) binds.set(source, await allowedBind(source, allowBind));
    }
    const cgroup = await this.#openLease(of);
    const spec = runSpec(of, {
      node,
      imageId: image?.id ?? of.spec.image,
      imageVolumes: image?.volumes ?? [],
      binds,
      secrets: secrets.paths(of),
      cgroup,
    });
    return (await runtime.create(spec)).id;
  }

  /** What a revision that was given up has left of its limits, or a start of the machine, does not stay. */
  #openLease(of: Held) {
    const { files, lent } = this.#parts;
    const record = files.state.leases.get(of.lease);
    return lent.openLease(
      leaseId(of.lease),
      record ? promisedCpuMillis(record) : of.spec.cpuMillis,
    );
  }

  /** Whether it was. One that its engine cannot start any more, whatever is in it, is taken away: the next plan makes another. */
  async #started({ runtime }: StepRun, container: string, of: Held): Promise<boolean> {
    await this.#openLease(of);
    try {
      await runtime.start(container);
      return true;
    } catch (error) {
      if (errorCode(error) !== 'RUNTIME_CONFLICT') throw error;
      await gone(runtime.remove(container));
      return false;
    } finally {
      this.#parts.lent.doubt();
    }
  }

  async #hold(lease: string, container: string): Promise<void> {
    const { files } = this.#parts;
    if (files.state.leases.get(lease)?.held === container) return;
    await files.note(lease, (record) => ({ ...record, held: container }));
  }

  /** Of a lease that ends all goes, and nothing is asked of it. A full disk is no reason to keep what fills it. */
  async #leave(lease: string, container: string): Promise<void> {
    const { files } = this.#parts;
    const record = files.state.leases.get(lease);
    if (!record || record.ending || isLeaving(record, { id: container })) return;
    const note = ({ leaving = [], ...rest }: LeaseRecord): LeaseRecord => ({
      ...rest,
      leaving: [...leaving, container].slice(-MAX_LEAVING),
    });
    await files.note(lease, note).catch(() => undefined);
  }

  async #left(lease: string, container: string): Promise<void> {
    const { files } = this.#parts;
    const record = files.state.leases.get(lease);
    if (!record || !isLeaving(record, { id: container })) return;
    const note = ({ leaving = [], ...rest }: LeaseRecord): LeaseRecord => {
      const others = leaving.filter((id) => id !== container);
      return others.length === 0 ? rest : { ...rest, leaving: others };
    };
    // No container is called so again.
    await files.note(lease, note).catch(() => undefined);
  }

  /** One that was stopped from here runs again. That start is as good as any that was ordered. */
  async #released(lease: string, container: string): Promise<void> {
    const { files } = this.#parts;
    if (files.state.leases.get(lease)?.held !== container) return;
    await files.note(lease, (record) => restarted(released(record), record.wanted.restart));
  }

  /**
   * Which run is to end lies on the disk before it ends: whoever comes after a crash sees by that whether it did, and does not end the
   * next one too.
   */
  async #restart(run: StepRun, step: Step & { kind: 'restart' }): Promise<void> {
    const { files } = this.#parts;
    const { runtime, lease, hurry } = run;
    const { container, number, startedAt, graceSeconds } = step;
    const restarting = { number, container, startedAt };
    await files.note(lease, (record) => ({ ...record, restarting }));
    await runtime.stop(container, graceSeconds, hurry);
    const record = files.state.leases.get(lease);
    if (!record) return;
    const isUp = await this.#steps.pass(() => this.#started(run, container, effective(record)));
    if (isUp) await files.note(lease, (now) => restarted(released(now), number));
  }

  async #settle(lease: string, of: Held, image: FoundImage | undefined): Promise<void> {
    const { files, secrets } = this.#parts;
    const digest = of.digest ?? image?.digest;
    const good: Held = digest === undefined ? of : { ...of, digest };
    await files.note(lease, (record) =>
      restarted({ ...released(record), good }, record.wanted.restart),
    );
    const record = files.state.leases.get(lease);
    if (!record) return;
    await secrets.keepOnly(lease, new Set([good.specHash, record.wanted.specHash]));
  }

  async #fail(run: StepRun, { container, code, reason }: Step & { kind: 'fail' }): Promise<void> {
    const words = await lastWords(run.runtime, container, run.signal);
    await run.onFailure({ code, reason, ...(words === '' ? {} : { lastWords: words }) });
  }

  async #end(lease: string): Promise<void> {
    const { files, secrets, lent, meter } = this.#parts;
    leaseId(lease);
    // What counts it goes when the last of it lies on the disk, and is forgotten when that has gone: so it is told once, however often this is done.
    await meter.end(lease);
    await lent.closeLease(lease);
    await meter.forget(lease);
    await files.change(({ leases, ended }) => {
      const record = leases.get(lease);
      // It was given back meanwhile.
      if (record && !record.ending) return;
      leases.delete(lease);
      ended.set(lease, record?.wanted.generation ?? 0);
    });
    if (files.state.leases.has(lease)) return;
    await secrets.keepOnly(lease, new Set());
  }

  async #removeVolume(runtime: ContainerRuntime, name: string): Promise<void> {
    try {
      await runtime.removeVolume(name);
    } catch (error) {
      // Another replica on this node has it. The last of them takes it away.
      if (errorCode(error) !== 'RUNTIME_CONFLICT') throw error;
    }
  }
}

interface Context {
  image: FoundImage | undefined;
  made: string | undefined;
}

function released(record: LeaseRecord): LeaseRecord {
  const { held: _, ...rest } = record;
  return rest;
}

function restarted(record: LeaseRecord, number: number): LeaseRecord {
  const { restarting: _, ...rest } = record;
  return { ...rest, restarted: Math.max(number, record.restarted ?? 0) };
}

/** What is to go and is gone is as it is to be. */
async function gone(done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (errorCode(error) !== 'RUNTIME_NOT_FOUND') throw error;
  }
}

/** By a code that means the same to whoever reads it, whichever call it came from. */
function failureOf({ kind }: Step, error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const reason = message.replaceAll(/\p{C}/gu, ' ').slice(0, MAX_REASON).toWellFormed();
  if (!(error instanceof AppError)) {
    return { code: errorCode(error) === 'ENOSPC' ? 'DISK_FULL' : 'INTERNAL', reason };
  }
  if (error.code !== 'INPUT_INVALID') return { code: error.code, reason };
  return {
    code: kind === 'pull' ? 'CONTAINER_IMAGE_NOT_FOUND' : 'CONTAINER_START_FAILED',
    reason,
  };
}
