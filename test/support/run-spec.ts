import { randomUUID } from 'node:crypto';

import type {
  ContainerRuntime,
  ExecRequest,
  ExecSession,
  FoundImage,
  RunSpec,
  RuntimeLogLine,
  RuntimeLogRequest,
} from '../../src/core/services/container/runtime.ports.js';
import type { TwinProgram } from './memory-exec.js';

import { runName } from '../../src/core/services/container/run-name.js';

/** What is run in the contract: words for a real engine, and what they do, for one that only tells of it. */
export interface Program extends TwinProgram {
  readonly args: readonly string[];
}

/** A script, and what it does. */
export const sh = (script: string, twin: TwinProgram): Program => ({
  args: ['/bin/sh', '-c', script],
  ...twin,
});
const out = (text: string) => ({ stream: 'stdout' as const, text });
const err = (text: string) => ({ stream: 'stderr' as const, text });

export const STAYS = sh('trap "exit 0" TERM; while :; do sleep 0.1; done', {});
export const FAILS = sh('echo one; echo two >&2; sleep 0.1; echo three; exit 3', {
  says: [out('one'), err('two'), out('three')],
  exits: 3,
});
export const COUNTS = sh('for n in 1 2 3 4 5 6 7 8 9; do echo $n; done', {
  says: ['1', '2', '3', '4', '5', '6', '7', '8', '9'].map(out),
  exits: 0,
});
export const IS_NOT_THERE: Program = { args: ['/no/such/program'], cannotRun: 127 };
export const SAYS_BOTH = sh('echo to out; echo to err >&2; exit 5', {
  says: [out('to out'), err('to err')],
  exits: 5,
});
export const ECHOES: Program = { args: ['/bin/cat'], echoes: true };

/** For the twin: what each of them does. */
export const CONTRACT_PROGRAMS: Readonly<Record<string, TwinProgram>> = Object.fromEntries(
  [STAYS, FAILS, COUNTS, IS_NOT_THERE, SAYS_BOTH, ECHOES].map(({ args, ...does }) => [
    args.join(' '),
    does,
  ]),
);

/** As the agent makes them, and small. */
export function runSpec(
  image: Pick<FoundImage, 'id'>,
  { args }: Pick<Program, 'args'>,
  more: Partial<RunSpec> & { readonly node: string },
): RunSpec {
  const { node, ...rest } = more;
  const labels = {
    node,
    lease: randomUUID(),
    container: randomUUID(),
    replica: '1',
    specHash: 'a'.repeat(64),
  };
  return {
    name: runName('contract', labels),
    labels,
    imageId: image.id,
    args,
    env: {},
    mounts: [],
    ports: [],
    hostname: 'contract',
    cpuMillis: 500,
    memoryBytes: 64 << 20,
    pidsLimit: 64,
    restart: 'no',
    stopSeconds: 2,
    capAdd: [],
    writableRoot: false,
    allowPrivilegeEscalation: false,
    log: { maxBytes: 10 << 20, files: 3 },
    ...rest,
  };
}

/** All lines that a reading gives. */
export async function readAll(
  runtime: ContainerRuntime,
  id: string,
  request: RuntimeLogRequest,
): Promise<readonly RuntimeLogLine[]> {
  const lines: RuntimeLogLine[] = [];
  for await (const batch of runtime.logs(id, request, AbortSignal.timeout(60_000))) {
    for (const line of batch) lines.push(line);
  }
  return lines;
}

/** What a command says, by stream, and how it ends. */
export async function outcome(session: ExecSession) {
  const said = { stdout: '', stderr: '' };
  for await (const { stream, bytes } of session.output) said[stream] += Buffer.from(bytes);
  return { ...said, exitCode: await session.exitCode() };
}

export const execOf = (
  { args }: Pick<Program, 'args'>,
  more: Partial<ExecRequest> = {},
): ExecRequest => ({ command: args, env: {}, tty: false, stdin: false, ...more });
