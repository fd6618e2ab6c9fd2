import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import type { Reports } from '../../src/agent/reports.js';
import type { Hardware } from '../../src/core/types/models/hardware.js';
import type { Sample } from '../../src/core/types/models/sample.js';
import type { WorkOptions } from '../../src/agent/work/work.js';
import type { MemoryRuntime } from './memory-runtime.js';
import type { Replica } from './remote-world.js';

import { AgentLog } from '../../src/agent/agent-log.js';
import { AgentFiles } from '../../src/agent/agent-files.js';
import { type AgentParts, runAgent } from '../../src/agent/agent.js';
import { connect } from '../../src/agent/connection.js';
import { type AgentIdentity, ensureIdentity } from '../../src/agent/identity.js';
import { join } from '../../src/agent/joining/join.js';
import { decodeJoinToken, type JoinToken } from '../../src/contract/agent/join-token.js';
import { ensurePrivateDirectory } from '../../src/core/storage/files/private-directory.js';
import { shared } from './work-node.js';

export interface AgentOptions {
  /** As another machine; one of its own for each otherwise. */
  readonly machine?: string;
  readonly version?: string;
  /** What it tells of its machine; nothing otherwise. */
  readonly reports?: Reports;
  /** Whether the grid may start this machine anew. */
  readonly mayRestart?: boolean;
  /** Whether the grid may replace its agent, and what does that. */
  readonly mayUpdate?: boolean;
  readonly updates?: AgentParts['updates'];
  /** Its container engine, which outlives the agent; it has none otherwise. */
  readonly runtime?: MemoryRuntime;
  /** The rest of what runs containers, where it is not as of a machine that lends nothing else. */
  readonly containers?: Partial<WorkOptions>;
}

/** What every test machine has. */
export const CAPACITY = { cpuMillis: 4_000, memoryBytes: 8 * 2 ** 30, diskBytes: 100 * 2 ** 30 };

/** A machine with a directory of its own, that runs the agent in this process. */
export async function testAgent(options: AgentOptions = {}) {
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-agent-'));
  const files = new AgentFiles(home);
  await ensurePrivateDirectory(files.directory);
  const identity: AgentIdentity = await ensureIdentity(files.directory);
  const machine = options.machine ?? randomBytes(32).toString('hex');
  const log: string[] = [];
  const restarts: boolean[] = [];
  const agentLog = new AgentLog(home, {
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  });
  const write = (text: string, details: object = {}) =>
    void log.push(`${text} ${JSON.stringify(details)}`);
  let running: { readonly stop: AbortController; readonly ended: Promise<unknown> } | undefined;
  const stop = async () => {
    running?.stop.abort();
    await running?.ended;
    running = undefined;
  };
  return {
    files,
    identity,
    machine,
    log,
    /** What the grid may read of it. */
    agentLog,
    home,
    /** The restarts that it was told to do, each with whether by force. The test starts the machine anew, with `run`. */
    restarts,
    join: (token: string, name?: string, rest: { readonly identity?: AgentIdentity } = {}) => {
      const decoded = requireToken(token);
      return join({
        token: decoded,
        url: new URL(decoded.url ?? ''),
        name,
        identity: rest.identity ?? identity,
        machine,
        version: options.version ?? '1.0.0',
        files,
      });
    },
    /** Runs until `stop`. `ended` tells what it ended with, undefined for nothing wrong. */
    run: async (bootId = 'boot-1', version = options.version ?? '1.0.0') => {
      const membership = await files.membership();
      if (!membership) throw new TypeError('It has joined nothing.');
      const abort = new AbortController();
      const ended = runAgent(
        {
          files,
          membership,
          identity,
          machine,
          bootId,
          version,
          log: { info: write, warn: write, error: write },
          agentLog,
          random: () => 0,
          ...(options.reports ? { reports: options.reports } : {}),
          mayRestart: options.mayRestart ?? false,
          mayUpdate: options.mayUpdate ?? false,
          updates: options.updates,
          ...containersOf(options),
          control: {
            capacity: () => Promise.resolve(CAPACITY),
            restart: (force) => Promise.resolve(void restarts.push(force)),
          },
        },
        abort.signal,
      ).then(
        () => undefined,
        (error: unknown) => error,
      );
      running = { stop: abort, ended };
      return { ended };
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** What runs containers on the machine of a test. */
function containersOf({ runtime, containers }: AgentOptions): Pick<AgentParts, 'containers'> {
  if (!runtime) return {};
  const source = () => Promise.resolve(shared(runtime));
  return { containers: { source, allowBind: [], ...containers } };
}

export type TestAgent = Awaited<ReturnType<typeof testAgent>>;

/** What an agent tells of a machine that the test has made up. */
export function madeUpReports(hardware: Hardware, sample: Sample) {
  const listeners = new Set<(hardware: Hardware) => void>();
  const made = {
    sample: sample as Sample | undefined,
    hardware,
    takeSample: () => made.sample,
    onHardware: (listener: (now: Hardware) => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** It is another machine from now on. */
    change: (next: Hardware) => {
      made.hardware = next;
      for (const listener of listeners) listener(next);
    },
  };
  return made;
}

/** A token as an admin makes it for a daemon that listens on this host. */
export async function joinToken(
  { admin, url }: Pick<Replica, 'admin' | 'url'>,
  request: Parameters<typeof admin.call<'nodeTokens.create'>>[1] = {},
): Promise<string> {
  const { token } = await admin.call('nodeTokens.create', { daemonUrl: url, ...request });
  return token ?? '';
}

export function requireToken(text: string): JoinToken {
  const token = decodeJoinToken(text);
  if (!token) throw new TypeError('That is no token.');
  return token;
}

/** Connects and tells how it was received: `welcome`, or the code of the refusal. */
export async function connectOnce(
  agent: Pick<Awaited<ReturnType<typeof testAgent>>, 'files' | 'identity' | 'machine'>,
) {
  const membership = await agent.files.membership();
  if (!membership) throw new TypeError('It has joined nothing.');
  const stop = new AbortController();
  const welcome = Promise.withResolvers<string>();
  const ended = connect(
    {
      ...agent,
      membership,
      bootId: 'boot-1',
      version: '1.0.0',
      onWelcome: () => welcome.resolve('welcome'),
      onSkew: () => undefined,
    },
    stop.signal,
  );
  const code = await Promise.race([welcome.promise, ended.then(({ error }) => error.code)]);
  return {
    code,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}
