import { isDeepStrictEqual } from 'node:util';

import type { Desired, Report } from '../contract/agent/protocol.js';
import type { MachineControl } from '../core/services/node/machine.ports.js';
import type { NodeProblem, Offer } from '../core/types/models/agent.js';
import type { AgentFiles, Target } from './agent-files.js';
import type { Log } from './log.js';
import type { Update, Updates } from './release/updates.js';

import { beyondCapacity } from '../core/utils/offer.js';

const NO_CAPACITY = { cpuMillis: 0, memoryBytes: 0, diskBytes: 0 };
const MAX_MESSAGE = 512;

export interface ObedienceParts {
  readonly files: AgentFiles;
  readonly control: MachineControl;
  /** The start of the machine that this is. */
  readonly bootId: string;
  /** Whether the owner of the machine lets the grid start it anew. */
  readonly mayRestart: boolean;
  /** Whether the owner lets the grid replace this program. */
  readonly mayUpdate: boolean;
  readonly version: string;
  /** Absent where the agent was not installed, so that there is nothing to replace. */
  readonly updates?: Pick<Updates, 'apply' | 'cancel' | 'failure'> | undefined;
  /** What is lent is otherwise. */
  readonly onOffer?: (offer: Offer) => void;
  readonly log: Log;
}

/** What has become of an order, and what is to follow once that is said. */
export interface Obeyed {
  readonly report: Report;
  /** What is wanted lies on the disk. */
  readonly isKept: boolean;
  /** `leave`: this machine’s keys are gone. */
  readonly next?: 'leave' | 'restart' | 'restart-forced' | 'update';
}

/**
 * Brings this machine to what it is to be. What it has reached lies on the disk before it is reported, so that neither a power loss nor an
 * absent daemon takes it back. One order at a time.
 */
export class Obedience {
  readonly #parts: ObedienceParts;
  #target: Target;

  constructor(parts: ObedienceParts, target: Target) {
    this.#parts = parts;
    this.#target = target;
  }

  get generation(): number {
    return this.#target.generation;
  }

  /** Never throws: what does not work is in the report, with the generation that was reached before. */
  async obey(desired: Desired): Promise<Obeyed> {
    const problems: NodeProblem[] = [];
    const { files, log } = this.#parts;
    let isKept = true;
    try {
      if (desired.dismissed) {
        await files.wipe();
        log.warn('this machine was dismissed from the grid, and its keys are gone', {});
        return { report: await this.report(), isKept: true, next: 'leave' };
      }
      if (desired.generation >= this.#target.generation) await this.#keep(desired);
    } catch (error) {
      isKept = false;
      problems.push(problem('TARGET_NOT_KEPT', error));
    }
    const wanted = desired.restart?.bootId === this.#parts.bootId ? desired.restart : undefined;
    const mayRestart = wanted !== undefined && this.#parts.mayRestart;
    if (wanted && !mayRestart) {
      problems.push({
        code: 'RESTART_NOT_ALLOWED',
        message: 'The agent was started without --allow-restart.',
      });
    }
    if (!isOther(desired, this.#parts.version)) this.#parts.updates?.cancel();
    const refused = this.#updateRefused(desired);
    if (refused) problems.push(refused);
    const report = await this.report(problems);
    if (mayRestart) return { report, isKept, next: wanted.force ? 'restart-forced' : 'restart' };
    const mayUpdate = isOther(desired, this.#parts.version) && !refused;
    return mayUpdate ? { report, isKept, next: 'update' } : { report, isKept };
  }

  /** Replaces this program. What stands in the way is answered; after success this process ends soon. */
  async update(desired: Desired): Promise<Report | undefined> {
    const { updates, log } = this.#parts;
    if (!updates || !desired.update) return undefined;
    try {
      await updates.apply(desired.update);
      return undefined;
    } catch (error) {
      log.warn('another version could not be had', { reason: String(error) });
      return this.report([problem('UPDATE_FAILED', error)]);
    }
  }

  /** Begins to start the machine anew. What stands in the way is answered. */
  async restart(force: boolean): Promise<Report | undefined> {
    const { control, log } = this.#parts;
    log.warn('this machine starts anew, as it was told', { force });
    try {
      await control.restart(force);
      return undefined;
    } catch (error) {
      return this.report([problem('RESTART_FAILED', error)]);
    }
  }

  /** How far it has come. @param problems - what went wrong on the way. */
  async report(problems: readonly NodeProblem[] = []): Promise<Report> {
    const { control, log } = this.#parts;
    const capacity = await control.capacity().catch((error: unknown) => {
      log.warn('what this machine has could not be found out', { reason: String(error) });
      return undefined;
    });
    const beyond = beyondCapacity(this.#target.offer ?? {}, capacity);
    return {
      generation: this.#target.generation,
      capacity: capacity ?? NO_CAPACITY,
      problems: [
        ...problems,
        ...beyond.map((message) => ({ code: 'OFFER_EXCEEDS_HARDWARE', message })),
      ],
    };
  }

  #updateRefused(desired: Desired): NodeProblem | undefined {
    const { updates, mayUpdate, version } = this.#parts;
    if (!isOther(desired, version)) return undefined;
    if (!updates) {
      const message =
        'The agent was not installed with `agent install`, so it cannot replace itself.';
      return { code: 'UPDATE_NOT_POSSIBLE', message };
    }
    if (!mayUpdate) {
      const message = 'The agent was installed without --allow-update.';
      return { code: 'UPDATE_NOT_ALLOWED', message };
    }
    const why = updates.failure(desired.update);
    return why === undefined ? undefined : problem('UPDATE_FAILED', why);
  }

  async #keep({ generation, name, offer, drained }: Desired): Promise<void> {
    const target = { version: 1 as const, generation, name, drained, ...(offer ? { offer } : {}) };
    // Told again with each connection; a disk that is full has it all the same.
    if (isDeepStrictEqual(target, this.#target)) return;
    await this.#parts.files.saveTarget(target);
    this.#target = target;
    this.#parts.onOffer?.(offer ?? {});
  }
}

function isOther(
  desired: Desired,
  version: string,
): desired is Desired & { readonly update: Update } {
  return desired.update !== undefined && desired.update.version !== version;
}

function problem(code: string, why: unknown): NodeProblem {
  const text = why instanceof Error ? why.message : String(why);
  return { code, message: text.replaceAll(/\p{C}/gu, ' ').slice(0, MAX_MESSAGE) };
}
