import type { AgentLog } from './agent-log.js';
import type { AgentFiles, Membership, Status } from './agent-files.js';
import type { MachineControl } from '../core/services/node/machine.ports.js';
import type { AgentIdentity } from './identity.js';
import type { Log } from './log.js';
import type { Updates } from './release/updates.js';
import type { Reports } from './reports.js';

import type { AppError } from '../core/types/errors/app-error.js';
import { slept } from '../core/utils/slept.js';
import { pauseMs } from './back-off.js';
import { connect } from './connection.js';
import { Obedience } from './obedience.js';
import { StatusKeeper } from './status-keeper.js';
import { Work, type WorkOptions } from './work/work.js';

/** A clock that is off by more is worth a word. */
const TOLD_SKEW_MS = 30_000;

export interface AgentParts {
  readonly files: AgentFiles;
  readonly membership: Membership;
  readonly identity: AgentIdentity;
  readonly machine: string;
  readonly bootId: string;
  readonly version: string;
  readonly control: MachineControl;
  /** Whether the owner of this machine lets the grid start it anew. */
  readonly mayRestart: boolean;
  /** Whether the owner lets the grid replace this program, and what does it where it was installed. */
  readonly mayUpdate: boolean;
  readonly updates?: Pick<Updates, 'apply' | 'cancel' | 'failure'> | undefined;
  /** The daemon has answered a heartbeat: this agent does its work. */
  readonly onAlive?: () => void;
  readonly log: Log;
  readonly reports?: Reports;
  /** What of it the grid may read. */
  readonly agentLog?: Pick<AgentLog, 'tail' | 'listen'>;
  /** What runs containers here; absent, none are run. */
  readonly containers?: WorkOptions;
  readonly random?: () => number;
}

/**
 * Keeps this node connected to its grid, and its containers as they are to be, until the signal aborts. An absent daemon loses nothing: what
 * the node is to be stays as it was last told. Ends without an error when the signal aborts, when the grid has dismissed this machine, or
 * when its own files say that it has left: an absent daemon could not tell it so. What it ran for the grid goes then.
 * @throws {AppError} what the daemon refused for good.
 */
export async function runAgent(parts: AgentParts, signal: AbortSignal): Promise<void> {
  const { files, membership, log, containers } = parts;
  const known = await files.target();
  const work = containers && (await openWork(parts, containers));
  await work?.lend(known?.offer ?? {});
  const over = new AbortController();
  const working = work
    ?.run(AbortSignal.any([signal, over.signal]))
    .catch((error: unknown) =>
      log.error('the containers were given up', { reason: String(error) }),
    );
  let isNode = true;
  try {
    const obedience = new Obedience(
      { ...parts, onOffer: (offer) => void work?.lend(offer) },
      known ?? { version: 1, generation: 0, name: membership.node.name },
    );
    isNode = await stayConnected({ ...parts, obedience, work }, signal);
  } finally {
    over.abort();
    await working;
    if (!isNode) await abandon(parts, work);
    work?.close();
  }
}

/** Removes what a machine that has left ran for the grid, where no agent does. Never rejects for what an engine does not do. */
export async function abandonContainers(
  parts: Pick<AgentParts, 'files' | 'membership' | 'bootId' | 'log'> & {
    readonly containers: WorkOptions;
  },
): Promise<void> {
  const work = await openWork(parts, parts.containers);
  await abandon(parts, work);
  work.close();
}

function openWork(
  { files, membership, bootId, log }: Pick<AgentParts, 'files' | 'membership' | 'bootId' | 'log'>,
  containers: WorkOptions,
): Promise<Work> {
  const { directory } = files;
  return Work.open({ ...containers, directory, node: membership.node.id, bootId, log });
}

/** The files that were written by what went on until now go too. */
async function abandon(
  { files }: Pick<AgentParts, 'files'>,
  work: Work | undefined,
): Promise<void> {
  await work?.abandon();
  await files.wipeWork();
}

/** Answers whether this machine is a node still. @throws {AppError} as `runAgent`. */
async function stayConnected(
  parts: AgentParts & { readonly obedience: Obedience; readonly work: Work | undefined },
  signal: AbortSignal,
): Promise<boolean> {
  const { files, membership, log, random = Math.random } = parts;
  let failures = 0;
  let skewMs = 0;
  const statuses = new StatusKeeper(files, log);
  const tell = (state: Status['state'], trouble?: AppError) =>
    statuses.tell({
      version: 1,
      pid: process.pid,
      state,
      since: new Date().toISOString(),
      clockSkewMs: Math.round(skewMs),
      ...(trouble ? { trouble: { code: trouble.code, message: trouble.message } } : {}),
    });

  const hasLeft = async () => {
    if (await files.isStill(membership.node.id)) return false;
    log.info('this machine has left the grid, so its agent ends', { node: membership.node.id });
    return true;
  };

  try {
    await tell('connecting');
    while (!signal.aborted) {
      if (await hasLeft()) return false;
      const end = await connect(
        {
          ...parts,
          onWelcome: (node) => {
            failures = 0;
            log.info('connected', { node: node.id, name: node.name });
            void tell('connected');
          },
          onSkew: (now) => {
            if (Math.abs(now) > TOLD_SKEW_MS && Math.abs(skewMs) <= TOLD_SKEW_MS) {
              log.warn('the clock of this machine differs from the daemon’s', { skewMs: now });
            }
            skewMs = now;
          },
        },
        signal,
      );
      if (end.hasLeft || (!signal.aborted && (await hasLeft()))) return false;
      if (signal.aborted) return true;
      log.warn('not connected', { code: end.error.code, reason: end.error.message });
      if (end.final) {
        await tell('refused', end.error);
        throw end.error;
      }
      await tell('waiting', end.error);
      // A busy daemon is there, and says itself when to come.
      failures = end.retryAfterMs === undefined ? failures + 1 : 0;
      await slept(pauseMs(failures, end.retryAfterMs, random), signal);
    }
    return true;
  } finally {
    await statuses.close();
  }
}
