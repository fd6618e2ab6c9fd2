import { hostname } from 'node:os';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

import { decodeJoinToken } from '../contract/agent/join-token.js';
import { resolveStatePaths } from '../core/config/state-paths.js';
import { readHardware } from '../core/platform/common/hardware.js';
import { hostSampler } from '../core/platform/common/host-sampler.js';
import { hostControl } from '../core/platform/common/machine-control.js';
import { bootId, machineHash } from '../core/platform/common/machine.js';
import { failureMessage, tellParent } from '../core/platform/common/parent.js';
import { acquireFileLock } from '../core/storage/files/file-lock.js';
import { ensurePrivateDirectory } from '../core/storage/files/private-directory.js';
import { AppError } from '../core/types/errors/app-error.js';
import { errorCodes } from '../core/types/errors/codes.js';
import { nameFrom } from '../core/utils/node-name.js';
import { quoted } from '../core/utils/quoted.js';
import { slept } from '../core/utils/slept.js';
import { AgentLog } from './agent-log.js';
import { AgentFiles } from './agent-files.js';
import { runAgent } from './agent.js';
import { hardwareByChild } from './hardware.js';
import { ensureIdentity, readIdentity } from './identity.js';
import { join } from './join.js';
import { leaveGrid } from './leave.js';
import { startReports } from './reports.js';
import { version } from '../core/utils/version.js';

const LOCK_ATTEMPTS = 5;
const LOCK_RETRY_MS = 50;

async function main(): Promise<void> {
  // Where what is said goes may have no room, or be gone. That is no reason for a node to end.
  process.stderr.on('error', () => undefined);
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        'state-dir': { type: 'string' },
        force: { type: 'boolean', default: false },
        'allow-restart': { type: 'boolean', default: false },
      },
    });
    const { stateDir } = resolveStatePaths(values['state-dir']);
    const files = new AgentFiles(stateDir);
    switch (positionals[0]) {
      case 'join':
        return await joinGrid(files);
      case 'run':
        return await run(stateDir, files, values['allow-restart']);
      case 'status':
        return await status(files);
      case 'leave':
        return await leave(files, values.force);
      case 'hardware':
        return await tellHardware();
      default:
        throw new AppError('USAGE_INVALID', 'Say join, run, status or leave.');
    }
  } catch (error) {
    const failure = failureMessage(error);
    await tellParent({ type: 'failed', error: failure });
    process.stderr.write(`Error: ${failure.message}\n${failure.hint}\n`);
    process.exitCode = errorCodes[failure.code].exitCode;
  }
}

/** What to join comes on stdin: a token in argv could be read by everybody on this machine. */
async function joinGrid(files: AgentFiles): Promise<void> {
  const asked = requestFrom(await text(process.stdin));
  const token = decodeJoinToken(asked.token);
  if (!token) {
    throw new AppError('JOIN_TOKEN_INVALID', 'This is no join token, or not the whole of one.');
  }
  const url = daemonAddress(asked.url ?? token.url);
  await ensurePrivateDirectory(files.directory);
  await requireFree(files);
  const lock = await holdAgent(files);
  try {
    // Once more, for whoever did it at the same time.
    await requireFree(files);
    const joined = await join({
      token,
      url,
      name: asked.name ?? nameFrom(hostname()),
      identity: await ensureIdentity(files.directory),
      machine: machineHash(token.caSha256),
      version,
      files,
    });
    const { node } = joined.membership;
    await tellParent({ type: 'joined', node, approval: joined.approval, url: url.origin });
  } finally {
    lock.release();
  }
}

/** @throws {AppError} USAGE_INVALID. */
function daemonAddress(given: string | undefined): URL {
  if (given === undefined) {
    throw new AppError('USAGE_INVALID', 'The token names no daemon: say where it is with --url.');
  }
  const url = URL.parse(given);
  if (url?.protocol === 'https:' && !url.username && !url.password && !url.search && !url.hash) {
    return url;
  }
  throw new AppError(
    'USAGE_INVALID',
    `--url ${quoted(given)} is no address like https://grid.example.org:8080.`,
    { flag: '--url' },
  );
}

/** @throws {AppError} AGENT_JOINED. */
async function requireFree(files: AgentFiles): Promise<void> {
  const known = await files.membership();
  if (!known) return;
  throw new AppError('AGENT_JOINED', `This machine is "${known.node.name}" already.`, {
    node: known.node.id,
  });
}

async function run(stateDir: string, files: AgentFiles, mayRestart: boolean): Promise<void> {
  const parts = await partsOf(files);
  const lock = await holdAgent(files);
  const log = new AgentLog(stateDir);
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => stopping.abort());
  }
  try {
    const control = hostControl(files.directory);
    const looking = { sampler: hostSampler(), readHardware: hardwareByChild, log };
    const reports = startReports(looking, stopping.signal);
    const own = { files, control, mayRestart, log, agentLog: log, reports };
    await runAgent({ ...parts, ...own }, stopping.signal);
  } finally {
    stopping.abort();
    await log.settled();
    lock.release();
  }
}

/** For the agent that runs, which reads it from the stdout of this process. */
async function tellHardware(): Promise<void> {
  const hardware = await readHardware();
  await new Promise<void>((resolve) => {
    process.stdout.write(JSON.stringify(hardware), () => resolve());
  });
  // A part that did not answer in time is not waited for.
  process.exit();
}

async function leave(files: AgentFiles, force: boolean): Promise<void> {
  const parts = await partsOf(files);
  const { told } = await leaveGrid(files, parts, force);
  await tellParent({ type: 'left', node: parts.membership.node, told });
}

/** Who this machine is. @throws {AppError} AGENT_NOT_JOINED, CONFIG_INVALID. */
async function partsOf(files: AgentFiles) {
  const membership = await files.membership();
  const identity = await readIdentity(files.directory);
  if (!membership || !identity) {
    throw new AppError('AGENT_NOT_JOINED', 'This machine has joined no grid.');
  }
  const machine = machineHash(membership.caSha256);
  return { membership, identity, machine, bootId: bootId(), version };
}

async function status(files: AgentFiles): Promise<void> {
  const membership = await files.membership();
  if (!membership) throw new AppError('AGENT_NOT_JOINED', 'This machine has joined no grid.');
  const { node, url, joinedAt } = membership;
  const told = await files.status();
  const lock = acquireFileLock(lockFile(files));
  lock?.release();
  const { version: _, ...said } = told ?? {};
  const isRunning = lock === undefined;
  // Of one that runs no more, only why the grid would have it no more still matters.
  const still = isRunning || told?.state === 'refused' ? said : {};
  await tellParent({
    type: 'status',
    agent: { node, url, joinedAt, version, ...still, isRunning },
  });
}

/** @throws {AppError} AGENT_RUNNING. */
async function holdAgent(files: AgentFiles) {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt += 1) {
    const lock = acquireFileLock(lockFile(files));
    if (lock) return lock;
    // Whoever only asks for the status has it for an instant.
    await slept(LOCK_RETRY_MS, new AbortController().signal);
  }
  throw new AppError('AGENT_RUNNING', `An agent works in ${files.directory} already.`, {
    directory: files.directory,
  });
}

function lockFile({ directory }: AgentFiles): string {
  return `${directory}/agent.lock`;
}

interface Asked {
  readonly token: string;
  readonly name?: string;
  readonly url?: string;
}

function requestFrom(json: string): Asked {
  const asked: unknown = JSON.parse(json);
  const field = (name: string) => new Map<string, unknown>(Object.entries(asked ?? {})).get(name);
  const [token, name, url] = [field('token'), field('name'), field('url')];
  return {
    token: typeof token === 'string' ? token : '',
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof url === 'string' ? { url } : {}),
  };
}

await main();
