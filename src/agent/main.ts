import { hostname } from 'node:os';
import { parseArgs } from 'node:util';

import { decodeJoinToken } from '../contract/agent/join-token.js';
import { resolveStatePaths } from '../core/config/state-paths.js';
import { readHardware } from '../core/platform/common/hardware.js';
import { hostSampler } from '../core/platform/common/host-sampler.js';
import { hostControl } from '../core/platform/common/machine-control.js';
import { bootId, machineHash } from '../core/platform/common/machine.js';
import { failureMessage, tellParent, whenParentEnds } from '../core/platform/common/parent.js';
import { ensurePrivateDirectory } from '../core/storage/files/private-directory.js';
import { AppError } from '../core/types/errors/app-error.js';
import { errorCodes } from '../core/types/errors/codes.js';
import { nameFrom } from '../core/utils/node-name.js';
import { textUpTo } from '../core/utils/text-up-to.js';
import { holdAgent, isHeld } from './agent-lock.js';
import { AgentLog } from './agent-log.js';
import { daemonAddress } from './joining/daemon-address.js';
import { AgentFiles } from './agent-files.js';
import { containersAllowed, hostContainers } from './containers.js';
import { abandonContainers, runAgent } from './agent.js';
import { findDaemon } from './joining/discovery.js';
import { hardwareByChild } from './hardware.js';
import { ensureIdentity, readIdentity } from './identity.js';
import { enrolHere, install, type Owned, uninstall } from './installation/verbs.js';
import { join } from './joining/join.js';
import { leaveGrid } from './leave.js';
import { stderrLog } from './log.js';
import { mayPass } from './passing.js';
import { runningRelease } from './release/running.js';
import { startReports } from './reports.js';
import { version } from '../core/utils/version.js';

/** "Start me again" (EX_TEMPFAIL of sysexits.h), as the units know it. */
const START_AGAIN = 75;
/** A token with a name and an address is far shorter. */
const MAX_REQUEST_BYTES = 262_144;

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
        'allow-update': { type: 'boolean', default: false },
        'allow-bind': { type: 'string', multiple: true },
        engine: { type: 'string' },
        home: { type: 'string' },
        'dry-run': { type: 'boolean', default: false },
        'no-start': { type: 'boolean', default: false },
        from: { type: 'string' },
        seed: { type: 'string' },
      },
    });
    const { stateDir } = resolveStatePaths(values['state-dir']);
    const files = new AgentFiles(stateDir);
    switch (positionals[0]) {
      case 'join':
        return await joinGrid(files);
      case 'run':
        return await run(stateDir, files, values);
      case 'status':
        return await status(files);
      case 'leave':
        return await leave(files, values);
      case 'install':
        return await install(stateDir, files, values);
      case 'uninstall':
        return await uninstall(values.home);
      case 'enrol':
        return await enrolHere(stateDir, files, values);
      case 'hardware':
        return await tellHardware();
      default:
        throw new AppError('USAGE_INVALID', 'Say join, run, status, leave, install or uninstall.');
    }
  } catch (error) {
    const failure = failureMessage(error);
    await tellParent({ type: 'failed', error: failure });
    process.stderr.write(`Error: ${failure.message}\n${failure.hint}\n`);
    const isPassing = process.argv[2] === 'enrol' && mayPass(failure.code);
    process.exitCode = isPassing ? START_AGAIN : errorCodes[failure.code].exitCode;
  }
}

/** What to join comes on stdin: a token in argv could be read by everybody on this machine. */
async function joinGrid(files: AgentFiles): Promise<void> {
  const asked = requestFrom(await textUpTo(process.stdin, MAX_REQUEST_BYTES));
  const token = decodeJoinToken(asked.token);
  if (!token) {
    throw new AppError('JOIN_TOKEN_INVALID', 'This is no join token, or not the whole of one.');
  }
  const given = asked.url ?? token.url;
  const url = given === undefined ? undefined : daemonAddress(given);
  await ensurePrivateDirectory(files.directory);
  await requireFree(files);
  const lock = await holdAgent(files);
  try {
    // Once more, for whoever did it at the same time.
    await requireFree(files);
    const joined = await join({
      token,
      url: url ?? (await findDaemon(token.caSha256)),
      name: asked.name ?? nameFrom(hostname()),
      identity: await ensureIdentity(files.directory),
      machine: machineHash(token.caSha256),
      version,
      files,
    });
    const { node, url: at } = joined.membership;
    await tellParent({ type: 'joined', node, approval: joined.approval, url: new URL(at).origin });
  } finally {
    lock.release();
  }
}

/** @throws {AppError} AGENT_JOINED. */
async function requireFree(files: AgentFiles): Promise<void> {
  const known = await files.membership();
  if (!known) return;
  throw new AppError('AGENT_JOINED', `This machine is "${known.node.name}" already.`, {
    node: known.node.id,
  });
}

async function run(stateDir: string, files: AgentFiles, given: Owned): Promise<void> {
  const containers = hostContainers(containersAllowed(given));
  const parts = await partsOf(files);
  const lock = await holdAgent(files);
  const log = new AgentLog(stateDir);
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => stopping.abort());
  }
  // `agent run` that was killed would leave an agent that nobody sees; the launcher of the service gives no channel.
  const parent = whenParentEnds(() => stopping.abort());
  /** Ends in order, for whoever started this process to start it anew. */
  const again = () => {
    process.exitCode = START_AGAIN;
    stopping.abort();
  };
  try {
    const control = hostControl(files.directory);
    const looking = { sampler: hostSampler(), readHardware: hardwareByChild, log };
    const reports = startReports(looking, stopping.signal);
    const { membership } = parts;
    const release = await runningRelease({
      home: given.home,
      membership,
      log,
      again,
      signal: stopping.signal,
    });
    await runAgent(
      {
        ...parts,
        ...release,
        files,
        control,
        mayRestart: given['allow-restart'],
        mayUpdate: given['allow-update'],
        log,
        agentLog: log,
        reports,
        containers,
      },
      stopping.signal,
    );
  } finally {
    stopping.abort();
    parent.forget();
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

async function leave(files: AgentFiles, given: Owned & { readonly force: boolean }): Promise<void> {
  const containers = hostContainers(containersAllowed(given));
  const parts = await partsOf(files);
  const { told } = await leaveGrid(files, parts, given.force);
  // An agent that runs does it itself.
  if (!isHeld(files)) await abandonContainers({ ...parts, files, containers, log: stderrLog });
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
  const { version: _, ...said } = told ?? {};
  const isRunning = isHeld(files);
  // Of one that runs no more, only why the grid would have it no more still matters.
  const still = isRunning || told?.state === 'refused' ? said : {};
  await tellParent({
    type: 'status',
    agent: { node, url, joinedAt, version, ...still, isRunning },
  });
}

interface Asked {
  readonly token: string;
  readonly name?: string;
  readonly url?: string;
}

/** What is no request has no token, and is refused as such. */
function requestFrom(json: string | undefined): Asked {
  const asked = parsed(json ?? '');
  const field = (name: string) => new Map<string, unknown>(Object.entries(asked ?? {})).get(name);
  const [token, name, url] = [field('token'), field('name'), field('url')];
  return {
    token: typeof token === 'string' ? token : '',
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof url === 'string' ? { url } : {}),
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

await main();
