import type { RunState } from '../../src/core/services/container/runtime.ports.js';

import {
  type Held,
  isLive,
  type LeaseRecord,
  type SeenContainer,
} from '../../src/agent/work/lease.js';
import { afterFailure, plan, type Step } from '../../src/agent/work/plan.js';
import { assignment } from './assignments.js';

export const HEALTH = {
  command: ['true'],
  intervalMs: 1_000,
  timeoutMs: 500,
  retries: 2,
  startPeriodMs: 1_000,
};

/** An assignment, as a node keeps it. */
export function held(...of: Parameters<typeof assignment>): Held {
  const { secrets: _, ...rest } = assignment(...of);
  return rest;
}

/** A container as it is seen. */
export function seen(of: Held, state: RunState, rest: Partial<SeenContainer> = {}): SeenContainer {
  return {
    id: `c-${of.specHash.slice(0, 8)}`,
    name: of.container.name,
    specHash: of.specHash,
    state,
    exitCode: state === 'exited' ? 1 : undefined,
    oomKilled: false,
    restarts: 0,
    startedAt: state === 'created' ? undefined : 'run-1',
    upSinceMs: 0,
    ...rest,
  };
}

/** An engine and a disk that do what they are told, on which a program ends as it was made to. */
export class LeaseModel {
  record: LeaseRecord | undefined;
  containers: SeenContainer[];
  readonly touched = new Set<string>();
  failures = 0;
  nowMs = 1_000_000;
  #runs = 1;
  readonly #broken: ReadonlySet<string>;

  constructor(record: LeaseRecord, containers: SeenContainer[], broken: ReadonlySet<string>) {
    this.record = record;
    this.containers = containers;
    this.#broken = broken;
  }

  get live(): readonly SeenContainer[] {
    return this.containers.filter(isLive);
  }

  change(id: string, change: Partial<SeenContainer>): void {
    this.containers = this.containers.map((one) => (one.id === id ? { ...one, ...change } : one));
  }

  run(id: string): void {
    const one = this.containers.find((each) => each.id === id);
    if (!one || one.state === 'running') return;
    this.touched.add(id);
    this.#runs += 1;
    const startedAt = `run-${this.#runs}`;
    const fate = this.#broken.has(one.specHash)
      ? { state: 'exited' as const, exitCode: 1 }
      : { state: 'running' as const, exitCode: undefined, health: 'healthy' as const };
    this.change(id, { startedAt, upSinceMs: this.nowMs, ...fate });
  }

  take(step: Step): void {
    const { record } = this;
    if (!record) return;
    switch (step.kind) {
      case 'create':
        this.containers.push(
          seen(step.of, 'created', { id: `new-${step.of.specHash.slice(0, 8)}` }),
        );
        return;
      case 'start': {
        const id = step.container ?? `new-${step.of.specHash.slice(0, 8)}`;
        this.run(id);
        const { held: was, ...rest } = record;
        if (was === id) this.record = { ...rest, restarted: rest.wanted.restart };
        return;
      }
      case 'stop':
        this.touched.add(step.container);
        this.record = step.hold
          ? { ...record, held: step.container }
          : { ...record, leaving: [...(record.leaving ?? []), step.container] };
        this.change(step.container, { state: 'exited', exitCode: 143 });
        return;
      case 'hold':
        this.record = { ...record, held: step.container };
        return;
      case 'remove':
        this.touched.add(step.container);
        this.containers = this.containers.filter(({ id }) => id !== step.container);
        return;
      case 'restart': {
        this.change(step.container, { state: 'exited', exitCode: 143 });
        this.run(step.container);
        const { restarting: _, held: __, ...rest } = record;
        this.record = { ...rest, restarted: step.number };
        return;
      }
      case 'restarted': {
        const { restarting: _, ...rest } = record;
        this.record = { ...rest, restarted: step.number };
        return;
      }
      case 'release': {
        const { held: _, ...rest } = record;
        this.record = rest;
        return;
      }
      case 'settle': {
        const { held: _, restarting: __, ...rest } = record;
        this.record = { ...rest, good: step.of, restarted: rest.wanted.restart };
        this.failures = 0;
        return;
      }
      case 'fail': {
        this.failures += 1;
        const { next: follows } = afterFailure(record, step.code, this.failures);
        if (follows !== 'roll-back') return;
        const failed = { generation: record.wanted.generation, code: step.code, reason: '' };
        this.record = { ...record, failed, restarted: record.wanted.restart };
        return;
      }
      case 'end':
        this.record = undefined;
        return;
      default:
    }
  }

  /** Until nothing is left to do; undefined when that does not come. */
  settle(check: () => void): number | undefined {
    for (let round = 0; round < 20; round += 1) {
      if (!this.record) return round;
      const { containers } = this;
      const { steps, lookAgainAtMs } = plan(
        this.record,
        { containers, notBeforeMs: 0 },
        this.nowMs,
      );
      if (steps.length === 0 && lookAgainAtMs === undefined) return round;
      this.nowMs = Math.max(this.nowMs, lookAgainAtMs ?? 0);
      for (const step of steps) {
        this.take(step);
        check();
      }
    }
    return undefined;
  }
}
