import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import type { AgentFrame } from '../../src/contract/agent/protocol.js';
import type {
  Assignment,
  LeaseReport,
  UsageRecordFrame,
  WorkReport,
} from '../../src/contract/agent/work.js';
import type {
  ContainerRuntime,
  LentMachine,
} from '../../src/core/services/container/runtime.ports.js';
import type { EngineSource } from '../../src/agent/work/engine.js';
import type { InterfaceCounts } from '../../src/agent/work/usage.js';

import { Work } from '../../src/agent/work/work.js';
import { MemoryRuntime } from './memory-runtime.js';
import { waitFor } from './wait-for.js';

export const NODE = '0190a0a0-0000-7000-8000-000000000001';

export interface WorkNodeOptions {
  readonly runtime?: MemoryRuntime;
  readonly source?: EngineSource;
  readonly lent?: LentMachine;
  readonly interfaces?: (pid: number) => Promise<InterfaceCounts | undefined>;
  readonly allowBind?: readonly string[];
}

/** The engine outlives the agent, which closes what it holds when it ends. */
export function shared(runtime: MemoryRuntime): ContainerRuntime {
  return new Proxy<ContainerRuntime>(runtime, {
    get(target, key) {
      if (key === 'close') return () => undefined;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A node with a disk and an engine of its own, and a daemon that the test plays. The agent on it may end and begin as the test likes. */
export async function workNode(options: WorkNodeOptions = {}) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-work-'));
  const runtime = options.runtime ?? new MemoryRuntime();
  const log: string[] = [];
  const write = (text: string, details: object = {}) =>
    void log.push(`${text} ${JSON.stringify(details)}`);
  const frames: AgentFrame[] = [];
  const used: UsageRecordFrame[] = [];
  let life: { readonly work: Work; readonly stop: AbortController; readonly ended: Promise<void> };
  let isUp = false;
  let generation = 0;
  let assignments: readonly Assignment[] = [];
  let link: ReturnType<Work['connect']> | undefined;

  const receive = (frame: AgentFrame) => {
    frames.push(frame);
    if ('usage' in frame) {
      used.push(...frame.usage.records);
      const { id } = frame.usage;
      setImmediate(() => link?.receive({ usageNoted: { id } }));
    }
    if ('need' in frame) {
      for (const lease of frame.need.leases) {
        const assign = assignments.find((one) => one.lease === lease);
        if (assign) link?.receive({ assign: structuredClone(assign) });
      }
    }
  };
  const tell = (dropVolumes: readonly string[] = []) =>
    link?.receive({
      work: {
        generation,
        leases: assignments.map(({ lease, generation: of }) => ({ lease, generation: of })),
        dropVolumes: [...dropVolumes],
      },
    });
  const workReports = () =>
    frames.flatMap((frame): WorkReport[] => ('workReport' in frame ? [frame.workReport] : []));
  const reports = (lease: string) =>
    workReports().flatMap(({ leases }) => leases.filter((one) => one.lease === lease));
  const node = {
    directory,
    runtime,
    frames,
    log,
    workReports,
    /** All that was said of a lease. */
    reports,
    /** What was said of it last. */
    last: (lease: string): LeaseReport | undefined => reports(lease).at(-1),
    /** All records of use that the daemon was sent. */
    used,
    /** The agent begins, with what lies on its disk. */
    start: async (source?: EngineSource) => {
      const work = await Work.open({
        source: source ?? options.source ?? (() => Promise.resolve(shared(runtime))),
        allowBind: options.allowBind ?? [],
        lent: () => options.lent,
        ...(options.interfaces ? { interfaces: options.interfaces } : {}),
        directory,
        node: NODE,
        bootId: 'boot-1',
        log: { info: write, warn: write, error: write },
      });
      const stop = new AbortController();
      life = { work, stop, ended: work.run(stop.signal) };
      isUp = true;
      return work;
    },
    /** And ends: what is under way is left as it is. */
    stop: async () => {
      link?.close();
      link = undefined;
      if (!isUp) return;
      isUp = false;
      life.stop.abort();
      await life.ended;
    },
    /** The daemon is there. It says all of the work again. */
    connect: () => {
      link = life.work.connect(receive, () => Promise.resolve());
      if (generation > 0) tell();
      return link;
    },
    disconnect: () => {
      link?.close();
      link = undefined;
    },
    /** What the node is to run from now on, as the daemon says it. */
    assign: (next: readonly Assignment[], dropVolumes: readonly string[] = []) => {
      assignments = next;
      generation += 1;
      tell(dropVolumes);
    },
    /** Until the lease was said to be so. */
    until: (lease: string, isSo: (report: LeaseReport) => boolean, timeoutMs = 10_000) =>
      waitFor(
        `the lease ${lease} to be so`,
        () => {
          const last = node.last(lease);
          return last && isSo(last) ? last : undefined;
        },
        timeoutMs,
      ),
    phase: (lease: string, phase: string, of = 0) =>
      node.until(lease, (report) => report.phase === phase && report.generation >= of),
    async [Symbol.asyncDispose]() {
      await node.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return node;
}

/** One whose agent runs, and has a daemon. */
export async function connectedNode(options: WorkNodeOptions = {}) {
  const node = await workNode(options);
  await node.start();
  node.connect();
  return node;
}
