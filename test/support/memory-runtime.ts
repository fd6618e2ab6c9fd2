import { createHash } from 'node:crypto';

import type {
  ContainerFacts,
  ContainerRuntime,
  ExecRequest,
  ExecSession,
  FoundImage,
  ImageRequest,
  RunningContainer,
  RunSpec,
  RuntimeFacts,
  RuntimeLogLine,
  RuntimeLogRequest,
  TerminalSize,
} from '../../src/core/services/container/runtime.ports.js';

import { imageName } from '../../src/core/platform/common/engine/image-name.js';
import { AppError } from '../../src/core/types/errors/app-error.js';
import { type ErrorCode } from '../../src/core/types/errors/codes.js';
import {
  justAfter,
  type Kept,
  listed,
  noImage,
  unlessAborted,
  unreachable,
} from './memory-container.js';
import { type TwinProgram, TwinSession } from './memory-exec.js';

export type { TwinProgram } from './memory-exec.js';

export interface TwinOptions {
  readonly facts?: Partial<RuntimeFacts>;
  /** By the words of the command and the arguments, with spaces between. What is not here stays and says nothing; as an exec, it ends with 0. */
  readonly programs?: Readonly<Record<string, TwinProgram>>;
  /** What the registry has, by name. Absent, it has whatever is asked for. */
  readonly registry?: Readonly<Record<string, FoundImage>>;
  /** Passwords of images that their registry gives to nobody without. */
  readonly guarded?: Readonly<Record<string, readonly string[]>>;
  readonly now?: () => Date;
}

/** Every call of the port. */
export type TwinCall = Exclude<keyof ContainerRuntime, 'close'>;

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 60_000;

/**
 * A container engine that is only memory: the port as its docs say, and hands to a test what it may do to an engine. It holds no time-outs of its own;
 * the one timer it has is that of an engine which starts a container again, and that keeps no process alive.
 */
export class MemoryRuntime implements ContainerRuntime {
  /** How often each call was made. */
  readonly calls: Record<TwinCall, number> = {
    facts: 0,
    ensureImage: 0,
    create: 0,
    start: 0,
    stop: 0,
    remove: 0,
    removeVolume: 0,
    list: 0,
    inspect: 0,
    logs: 0,
    exec: 0,
    events: 0,
  };
  /** Every call that changes something, in order: `start <name>`. */
  readonly journal: string[] = [];
  readonly execs: { readonly container: string; readonly request: ExecRequest }[] = [];
  readonly sizes: TerminalSize[] = [];
  /** Of every stop, in order. */
  readonly graces: number[] = [];
  /** Runs before each call, with what it is about: throws, or waits, in its place. */
  before: ((call: TwinCall, about: string) => Promise<void> | void) | undefined;
  /** Answers an exec in the place of the programs. */
  onExec: ((container: string, request: ExecRequest) => TwinProgram) | undefined;

  readonly #options: TwinOptions;
  readonly #containers = new Map<string, Kept>();
  readonly #images = new Map<string, FoundImage>();
  readonly #volumes = new Set<string>();
  readonly #failures = new Map<TwinCall, AppError[]>();
  readonly #waiting = new Set<() => void>();
  #isLost = false;
  #isClosed = false;
  #era = 0;
  #changes = 0;
  #made = 0;
  #lastAt = '';
  #tick = 0;

  constructor(options: TwinOptions = {}) {
    this.#options = options;
  }

  // What a test does to it.

  /** The next call of that kind fails so. */
  failNext(call: TwinCall, code: ErrorCode, message = `The twin fails with ${code}.`): void {
    this.#failures.set(call, [...(this.#failures.get(call) ?? []), new AppError(code, message)]);
  }

  failNextPull(code: ErrorCode, message?: string): void {
    this.failNext('ensureImage', code, message);
  }

  /** The container's program ends, and what its restart policy says follows at once. */
  exitContainer(idOrName: string, exitCode: number, how: { readonly oomKilled?: boolean } = {}) {
    const kept = this.container(idOrName);
    this.#exited(kept, exitCode, how.oomKilled ?? false);
    if (kept.state === 'restarting') this.#run(kept);
  }

  /** The container's program says something. */
  say(idOrName: string, text: string, stream: 'stdout' | 'stderr' = 'stdout'): void {
    this.container(idOrName).lines.push({ at: this.#at(), stream, text });
    this.#wake();
  }

  /** The engine answers nobody any more; what runs goes on. */
  loseEngine(): void {
    this.#isLost = true;
    this.#era += 1;
    this.#wake();
  }

  findEngine(): void {
    this.#isLost = false;
  }

  /** The machine starts anew: nothing runs, all that was made is there. As after a loss of power, nothing is started by itself. */
  rebootMachine(): void {
    for (const kept of this.#containers.values()) {
      if (kept.state !== 'running' && kept.state !== 'restarting') continue;
      clearTimeout(kept.retry);
      Object.assign(kept, { state: 'exited', exitCode: 255, pid: undefined });
      kept.finishedAt = this.#at();
    }
    this.#change();
  }

  /** Somebody else's container, or one that is ours and that nobody asked for. */
  plant(spec: RunSpec): string {
    return this.#make(spec).id;
  }

  container(idOrName: string): Kept {
    const kept =
      this.#containers.get(idOrName) ??
      [...this.#containers.values()].find(({ spec }) => spec.name === idOrName);
    if (!kept) throw new AppError('RUNTIME_NOT_FOUND', `There is no container ${idOrName}.`);
    return kept;
  }

  /** Of whoever made them, in the order in which they were made. */
  all(): readonly Kept[] {
    return [...this.#containers.values()];
  }

  volumes(): readonly string[] {
    return [...this.#volumes];
  }

  // The port.

  async facts(): Promise<RuntimeFacts> {
    await this.#call('facts', '');
    return {
      kind: 'docker',
      version: '20.10.24',
      cgroup: 'v1',
      architecture: 'x86_64',
      cgroupDriver: 'cgroupfs',
      survivesEngine: true,
      ...this.#options.facts,
    };
  }

  async ensureImage(request: ImageRequest, signal: AbortSignal): Promise<FoundImage> {
    await this.#call('ensureImage', request.ref);
    signal.throwIfAborted();
    imageName(request.ref);
    const key = request.digest === undefined ? request.ref : `${request.ref}@${request.digest}`;
    const here =
      this.#images.get(key) ??
      [...this.#images.values()].find(({ digest }) => digest === request.digest);
    const mayUse = here && (request.mayUse?.(here) ?? true);
    if (mayUse && request.policy !== 'always') return { ...here, isAsked: false };
    if (request.policy === 'never') throw noImage(request.ref);
    const passwords = this.#options.guarded?.[request.ref];
    if (passwords && !passwords.includes(request.auth?.password ?? '')) {
      throw new AppError('REGISTRY_DENIED', `${request.ref} cannot be had.`);
    }
    const found = this.#published(request);
    if (!found) throw noImage(request.ref);
    this.#images.set(key, found);
    this.journal.push(`pull ${key}`);
    return { ...found, isAsked: true };
  }

  async create(spec: RunSpec): Promise<{ readonly id: string }> {
    await this.#call('create', spec.name);
    const holder = this.all().find((kept) => kept.spec.name === spec.name);
    if (holder) {
      const { node, lease, specHash } = holder.spec.labels;
      const { labels } = spec;
      const isSame = labels.node === node && labels.lease === lease && labels.specHash === specHash;
      if (isSame) return { id: holder.id };
      throw new AppError('RUNTIME_CONFLICT', `Another container is called ${spec.name}.`);
    }
    const isHere = [...this.#images.values()].some(({ id }) => id === spec.imageId);
    if (this.#options.registry && !isHere) throw noImage(spec.imageId);
    this.journal.push(`create ${spec.name}`);
    return { id: this.#make(spec).id };
  }

  async start(id: string): Promise<void> {
    await this.#call('start', id);
    const kept = this.container(id);
    if (kept.state === 'running') return;
    const taken = kept.ports.find((port) =>
      this.all().some(
        (other) =>
          other !== kept &&
          other.state === 'running' &&
          other.ports.some(
            ({ host, protocol }) => host === port.host && protocol === port.protocol,
          ),
      ),
    );
    if (taken) throw new AppError('PORT_TAKEN', `Port ${taken.host} is taken.`);
    if (kept.program.cannotRun !== undefined) {
      kept.exitCode = kept.program.cannotRun;
      kept.error = 'no such program';
      throw new AppError('CONTAINER_START_FAILED', 'Its command cannot be run.', {
        exitCode: kept.program.cannotRun,
      });
    }
    this.journal.push(`start ${kept.spec.name}`);
    this.#run(kept);
  }

  async stop(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    this.graces.push(graceSeconds);
    await unlessAborted(this.#call('stop', id), signal);
    const kept = this.container(id);
    clearTimeout(kept.retry);
    if (kept.state !== 'running' && kept.state !== 'restarting') return;
    this.journal.push(`stop ${kept.spec.name}`);
    this.#ended(kept, 143, false);
  }

  async remove(id: string): Promise<void> {
    await this.#call('remove', id);
    const kept = this.#containers.get(id);
    if (!kept) return;
    clearTimeout(kept.retry);
    this.journal.push(`remove ${kept.spec.name}`);
    kept.state = 'dead';
    this.#containers.delete(id);
    this.#change();
  }

  async removeVolume(name: string): Promise<void> {
    await this.#call('removeVolume', name);
    const isUsed = this.all().some(({ spec }) =>
      spec.mounts.some((mount) => mount.kind === 'volume' && mount.source === name),
    );
    if (isUsed) throw new AppError('RUNTIME_CONFLICT', `Volume ${name} is in use.`);
    if (this.#volumes.delete(name)) this.journal.push(`remove-volume ${name}`);
  }

  async list(node: string): Promise<readonly RunningContainer[]> {
    await this.#call('list', node);
    return this.all()
      .filter(({ spec }) => spec.labels.node === node)
      .map(listed);
  }

  async inspect(id: string): Promise<ContainerFacts> {
    await this.#call('inspect', id);
    const kept = this.container(id);
    const { pid, exitCode, oomKilled, restarts, startedAt, finishedAt, error } = kept;
    const ports = kept.state === 'running' ? kept.ports : [];
    const facts = { pid, exitCode, oomKilled, restarts, startedAt, finishedAt, error, ports };
    return { ...listed(kept), ...facts };
  }

  async *logs(
    id: string,
    request: RuntimeLogRequest,
    signal: AbortSignal,
  ): AsyncIterable<readonly RuntimeLogLine[]> {
    await this.#call('logs', id);
    const kept = this.container(id);
    const era = this.#era;
    const { since, until, tail, follow } = request;
    const isWanted = ({ at }: RuntimeLogLine) =>
      (since === undefined || at >= since) && (until === undefined || at < until);
    const there = kept.lines.filter(isWanted);
    let read = kept.lines.length;
    const first = tail === undefined ? there : there.slice(Math.max(0, there.length - tail));
    if (first.length > 0) yield first;
    if (!follow) return;
    while (!signal.aborted) {
      if (this.#isLost || this.#era !== era) throw unreachable();
      const more = kept.lines.slice(read).filter(isWanted);
      read = kept.lines.length;
      if (more.length > 0) yield more;
      else if (kept.state !== 'running' && kept.state !== 'restarting') return;
      else await this.#nextChange(signal);
    }
  }

  async exec(id: string, request: ExecRequest): Promise<ExecSession> {
    await this.#call('exec', id);
    const kept = this.container(id);
    if (kept.state !== 'running') {
      throw new AppError('CONTAINER_NOT_RUNNING', `${kept.spec.name} does not run.`);
    }
    this.execs.push({ container: kept.spec.name, request });
    const program =
      this.onExec?.(kept.spec.name, request) ??
      this.#options.programs?.[request.command.join(' ')] ??
      {};
    if (program.cannotRun !== undefined) {
      throw new AppError('CONTAINER_START_FAILED', 'The command cannot be run.', {
        exitCode: program.cannotRun,
      });
    }
    return new TwinSession(program, request, (size) => this.sizes.push(size));
  }

  async *events(node: string, signal: AbortSignal): AsyncIterable<void> {
    await this.#call('events', node);
    const era = this.#era;
    let seen = this.#changes;
    while (!signal.aborted && this.#era === era && !this.#isClosed) {
      if (this.#changes !== seen) {
        seen = this.#changes;
        yield undefined;
      } else {
        await this.#nextChange(signal);
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async #call(call: TwinCall, about: string): Promise<void> {
    this.calls[call] += 1;
    await this.before?.(call, about);
    if (this.#isLost || this.#isClosed) throw unreachable();
    const failure = this.#failures.get(call)?.shift();
    if (failure) throw failure;
  }

  #published({ ref, digest }: ImageRequest): FoundImage | undefined {
    if (this.#options.registry) {
      const found = this.#options.registry[ref];
      return digest === undefined || found?.digest === digest ? found : undefined;
    }
    const made = digest ?? `sha256:${createHash('sha256').update(ref).digest('hex')}`;
    return { id: made, digest: made, hasHealthcheck: false, volumes: [], isAsked: false };
  }

  #make(spec: RunSpec): Kept {
    this.#made += 1;
    const id = createHash('sha256').update(`${this.#made} ${spec.name}`).digest('hex');
    const words = [...(spec.command ?? []), ...(spec.args ?? [])].join(' ');
    const kept: Kept = {
      id,
      spec,
      program: this.#options.programs?.[words] ?? {},
      lines: [],
      ports: spec.ports.map(({ host, container, protocol }, n) => ({
        host: host ?? 32_768 + this.#made * 16 + n,
        container,
        protocol,
      })),
      state: 'created',
      pid: undefined,
      exitCode: undefined,
      oomKilled: false,
      restarts: 0,
      startedAt: undefined,
      finishedAt: undefined,
      error: undefined,
      retry: undefined,
    };
    this.#containers.set(id, kept);
    for (const mount of spec.mounts) if (mount.kind === 'volume') this.#volumes.add(mount.source);
    this.#change();
    return kept;
  }

  #run(kept: Kept): void {
    clearTimeout(kept.retry);
    this.#tick += 1;
    Object.assign(kept, { state: 'running', pid: 1_000 + this.#tick, exitCode: undefined });
    Object.assign(kept, { oomKilled: false, error: undefined, startedAt: this.#at() });
    for (const line of kept.program.says ?? []) kept.lines.push({ at: this.#at(), ...line });
    this.#change();
    if (kept.program.exits !== undefined) this.#exited(kept, kept.program.exits, false);
  }

  #exited(kept: Kept, exitCode: number, oomKilled: boolean): void {
    this.#ended(kept, exitCode, oomKilled);
    const { restart, maxRestarts = Number.POSITIVE_INFINITY } = kept.spec;
    const isAgain =
      restart === 'always' ||
      restart === 'unless-stopped' ||
      (restart === 'on-failure' && exitCode !== 0 && kept.restarts < maxRestarts);
    if (!isAgain) return;
    kept.state = 'restarting';
    kept.restarts += 1;
    const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (kept.restarts - 1));
    kept.retry = setTimeout(() => this.#run(kept), waitMs);
    kept.retry.unref();
  }

  #ended(kept: Kept, exitCode: number, oomKilled: boolean): void {
    Object.assign(kept, { state: 'exited', pid: undefined, exitCode, oomKilled });
    kept.finishedAt = this.#at();
    this.#change();
  }

  #at(): string {
    const now = (this.#options.now?.() ?? new Date()).toISOString();
    const at = `${now.slice(0, -1)}000000Z`;
    this.#lastAt = at > this.#lastAt ? at : justAfter(this.#lastAt);
    return this.#lastAt;
  }

  #change(): void {
    this.#changes += 1;
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  async #nextChange(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    this.#waiting.delete(resolve);
  }
}
