import { setTimeout as pause } from 'node:timers/promises';

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
} from '../../../services/container/runtime.ports.js';
import type { Dialect } from './dialect.js';
import type { EngineAnswer, EngineHttp } from './engine-http.js';

import { AppError } from '../../../types/errors/app-error.js';
import { containerBody, LABELS } from './container-body.js';
import { inspectedContainer, listedContainer } from './container-facts.js';
import { readEvents } from './engine-events.js';
import { startExec } from './exec-session.js';
import { ensureImage } from './images.js';
import { removeHalfRemoved } from './half-removed.js';
import { listOf, objectOf, textOf } from './json.js';
import { readLogs } from './log-reader.js';
import { createRefusal, engineFailure, messageOf, notFound, startRefusal } from './refusals.js';

/** A machine that is short of memory or disk takes long to set up a network and a mount. */
const START_TIMEOUT_MS = 120_000;
const REMOVE_TIMEOUT_MS = 60_000;
const REMOVE_LOOK_MS = 50;
const LAST_REMOVE_LOOK_MS = 2_000;
const MAX_LISTS = 20;

/** An engine of the Docker Engine API, 1.41 or newer, on this machine. What differs between them is in its dialect. */
export class EngineRuntime implements ContainerRuntime {
  readonly #http: EngineHttp;
  readonly #dialect: Dialect;

  constructor(http: EngineHttp, dialect: Dialect) {
    this.#http = http;
    this.#dialect = dialect;
  }

  async facts(): Promise<RuntimeFacts> {
    const [version, info] = await Promise.all([this.#get('/version'), this.#get('/info')]);
    const driver = textOf(info['CgroupDriver']);
    const generation = textOf(info['CgroupVersion']) === '2' ? 'v2' : 'v1';
    return {
      kind: this.#dialect.kind,
      version: textOf(version['Version']) ?? 'unknown',
      cgroup: driver === undefined || driver === 'none' ? 'none' : generation,
      architecture: textOf(version['Arch']) ?? 'unknown',
      cgroupDriver: driver === 'systemd' ? 'systemd' : 'cgroupfs',
      survivesEngine: this.#dialect.survivesEngine(info['LiveRestoreEnabled'] === true),
    };
  }

  ensureImage(request: ImageRequest, signal: AbortSignal): Promise<FoundImage> {
    return ensureImage(this.#http, this.#dialect, request, signal);
  }

  async create(spec: RunSpec): Promise<{ readonly id: string }> {
    const answer = await this.#http.call('POST', '/containers/create', {
      query: { name: spec.name },
      body: containerBody(spec, this.#dialect),
      timeoutMs: START_TIMEOUT_MS,
    });
    const id = textOf(objectOf(answer.body)['Id']);
    if (answer.status === 201 && id !== undefined) return { id };
    const message = messageOf(answer);
    if (!this.#dialect.isNameTaken(answer.status, message)) {
      throw createRefusal(answer, spec.imageId);
    }
    const holder = await this.#look(spec.name);
    const { node, lease, specHash } = spec.labels;
    const isSame =
      holder?.labels.node === node &&
      holder.labels.lease === lease &&
      holder.labels.specHash === specHash;
    if (holder && isSame) return { id: holder.id };
    throw new AppError('RUNTIME_CONFLICT', message);
  }

  async start(id: string): Promise<void> {
    const answer = await this.#http.call('POST', `/containers/${id}/start`, {
      timeoutMs: START_TIMEOUT_MS,
    });
    if (answer.status >= 300 && answer.status !== 304) throw startRefusal(answer);
  }

  async stop(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    const answer = await this.#http.call('POST', `/containers/${id}/stop`, {
      query: { t: String(graceSeconds) },
      timeoutMs: graceSeconds * 1_000 + REMOVE_TIMEOUT_MS,
      alone: true,
      ...(signal ? { signal } : {}),
    });
    if (answer.status < 300 || answer.status === 304) return;
    if (this.#isGone(answer)) throw notFound(messageOf(answer));
    // Podman refuses where there is nothing to stop.
    const { state } = await this.inspect(id);
    if (state === 'running' || state === 'restarting') throw engineFailure(answer);
  }

  async remove(id: string): Promise<void> {
    const deadline = Date.now() + REMOVE_TIMEOUT_MS;
    for (let waitMs = REMOVE_LOOK_MS; ; waitMs = Math.min(waitMs * 2, LAST_REMOVE_LOOK_MS)) {
      const answer = await this.#http.call('DELETE', `/containers/${id}`, {
        query: { force: '1', v: '1' },
        timeoutMs: REMOVE_TIMEOUT_MS,
      });
      if (answer.status < 300 || this.#isGone(answer)) return;
      // Somebody removes it already, or it is just being started again.
      const isPassing = this.#dialect.isBusy(answer.status, messageOf(answer));
      if (!isPassing || Date.now() > deadline) throw engineFailure(answer);
      await pause(waitMs);
    }
  }

  async removeVolume(name: string): Promise<void> {
    const answer = await this.#http.call('DELETE', `/volumes/${encodeURIComponent(name)}`);
    if (answer.status < 300 || answer.status === 404) return;
    if (answer.status === 409) throw new AppError('RUNTIME_CONFLICT', messageOf(answer));
    throw engineFailure(answer);
  }

  async list(node: string): Promise<readonly RunningContainer[]> {
    const filters = JSON.stringify({ label: [`${LABELS.node}=${node}`] });
    const answer = await this.#listed({ all: '1', filters });
    return listOf(answer.body)
      .map(listedContainer)
      .filter((container) => container !== undefined)
      .filter(({ labels }) => labels.node === node);
  }

  async inspect(id: string): Promise<ContainerFacts> {
    const found = await this.#look(id);
    if (!found) throw notFound(`There is no container ${id} of the grid.`);
    return found;
  }

  logs(
    id: string,
    request: RuntimeLogRequest,
    signal: AbortSignal,
  ): AsyncIterable<readonly RuntimeLogLine[]> {
    const { followLoses, hasPieces } = this.#dialect;
    const inspect = () => this.inspect(id);
    return readLogs({ http: this.#http, id, followLoses, hasPieces, inspect }, request, signal);
  }

  exec(id: string, request: ExecRequest): Promise<ExecSession> {
    return startExec(this.#http, this.#dialect, id, request);
  }

  events(node: string, signal: AbortSignal): AsyncIterable<void> {
    return readEvents(this.#http, node, signal);
  }

  close(): void {
    this.#http.close();
  }

  /** By its id or its name; undefined also where it is none of ours. */
  async #look(idOrName: string): Promise<ContainerFacts | undefined> {
    const answer = await this.#http.call('GET', `/containers/${idOrName}/json`);
    if (this.#isGone(answer)) return undefined;
    if (answer.status !== 200) throw engineFailure(answer);
    return inspectedContainer(answer.body);
  }

  /** Podman has no list for whoever asks while a container goes: then it is asked again. */
  async #listed(query: Readonly<Record<string, string>>): Promise<EngineAnswer> {
    for (let left = MAX_LISTS - 1; ; left -= 1) {
      const answer = await this.#http.call('GET', '/containers/json', { query });
      if (answer.status === 200) return answer;
      if (left === 0) throw engineFailure(answer);
      const half = this.#dialect.halfRemoved(messageOf(answer));
      if (half !== undefined && (await removeHalfRemoved(this.#http, half))) continue;
      if (!this.#isGone(answer)) throw engineFailure(answer);
      await pause(REMOVE_LOOK_MS);
    }
  }

  #isGone(answer: EngineAnswer): boolean {
    return this.#dialect.isGone(answer.status, messageOf(answer));
  }

  async #get(path: string) {
    const answer = await this.#http.call('GET', path);
    if (answer.status !== 200) throw engineFailure(answer);
    return objectOf(answer.body);
  }
}
