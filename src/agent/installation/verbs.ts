import { fileURLToPath } from 'node:url';

import type { AgentFiles } from '../agent-files.js';

import { hostAgentService } from '../../core/platform/common/agent-service.js';
import { machineHash } from '../../core/platform/common/machine.js';
import { tellParent } from '../../core/platform/common/parent.js';
import { ensurePrivateDirectory } from '../../core/storage/files/private-directory.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { version } from '../../core/utils/version.js';
import { holdAgent, isHeld, runningAlready } from '../agent-lock.js';
import { containersAllowed } from '../containers.js';
import { daemonAddress } from '../joining/daemon-address.js';
import { enrol, tidyUp } from './enrol.js';
import { ensureIdentity } from '../identity.js';
import {
  DEFAULT_HOME,
  describeService,
  installAgent,
  type Installing,
  ownPaths,
  ownRelease,
  uninstallAgent,
} from './install.js';
import { join } from '../joining/join.js';
import { stderrLog } from '../log.js';
import { ReleaseHome } from '../release/home.js';

/** Of the service that starts enrol.sh. */
const ENROL_UNIT = 'syntropy-enrol.service';

/** What the owner of the machine says of an agent that is installed. */
export interface Owned {
  readonly home?: string | undefined;
  readonly 'allow-restart': boolean;
  readonly 'allow-update': boolean;
  readonly 'allow-bind'?: readonly string[] | undefined;
  readonly engine?: string | undefined;
}

interface Given extends Owned {
  readonly from?: string | undefined;
  readonly seed?: string | undefined;
  readonly 'dry-run': boolean;
  readonly 'no-start': boolean;
}

/** Makes this program, as it runs here, a service of the system. @throws {AppError} AGENT_NOT_JOINED, and as `installAgent`. */
export async function install(stateDir: string, files: AgentFiles, given: Given): Promise<void> {
  const installing = installingFrom(stateDir, files, given);
  const program = fileURLToPath(import.meta.url);
  if (given['dry-run']) {
    const { 'syntropy-agent.service': template } = ownPaths(program);
    return tellParent({ type: 'described', unit: await describeService(installing, template) });
  }
  if (!(await files.membership())) {
    throw new AppError('AGENT_NOT_JOINED', 'This machine has joined no grid.');
  }
  if (isHeld(files) && !(await installing.service.isRunning())) {
    throw await runningAlready(files);
  }
  const release = await ownRelease(program, version);
  const installed = await installAgent(installing, release);
  const started = !given['no-start'] && (await installing.service.start());
  await tellParent({ type: 'installed', service: { ...installed, started } });
}

/** @throws {AppError} as `uninstallAgent`. */
export async function uninstall(home: string | undefined): Promise<void> {
  const removed = await uninstallAgent(new ReleaseHome(home ?? DEFAULT_HOME), hostAgentService());
  await tellParent({ type: 'uninstalled', service: removed });
}

/** Started by enrol.sh, which has fetched this program; nobody is there to be asked. @throws {AppError} as `enrol`. */
export async function enrolHere(stateDir: string, files: AgentFiles, given: Given): Promise<void> {
  // A machine that started from a stick is the grid's to look after.
  const whole = { ...given, 'allow-restart': true, 'allow-update': true };
  await ensurePrivateDirectory(files.directory);
  const { from: fetched, seed } = given;
  if (fetched === undefined || seed === undefined) {
    throw new AppError('USAGE_INVALID', 'Say what was fetched, with --from, and --seed.');
  }
  const installing = installingFrom(stateDir, files, whole);
  if (isHeld(files) && (await files.membership())) {
    // The power was cut after it was installed: the agent runs already, and the rest is left to do.
    await tidyUp({ fetched, seed, log: stderrLog });
    return installing.service.disable(ENROL_UNIT);
  }
  const lock = await holdAgent(files);
  try {
    await enrol({
      ...installing,
      fetched,
      seed,
      platform: `${process.platform}-${process.arch}`,
      log: stderrLog,
      join: async (token) => {
        const url = daemonAddress(token.url ?? '');
        const identity = await ensureIdentity(files.directory);
        const machine = machineHash(token.caSha256);
        const name = undefined;
        return (await join({ token, url, name, identity, machine, version, files })).membership;
      },
    });
  } finally {
    lock.release();
  }
  await installing.service.start();
  // Last, so that it comes again after a power loss before this.
  await installing.service.disable(ENROL_UNIT);
}

function installingFrom(stateDir: string, files: AgentFiles, given: Given): Installing {
  return {
    home: new ReleaseHome(given.home ?? DEFAULT_HOME),
    files,
    stateDir,
    service: hostAgentService(),
    mayRestart: given['allow-restart'],
    mayUpdate: given['allow-update'],
    containers: containersAllowed(given),
  };
}
