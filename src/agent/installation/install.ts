import { chmod, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import type { AgentServiceHost } from '../../core/services/node/agent-service.ports.js';
import type { AgentFiles } from '../agent-files.js';
import type { ReleaseHome } from '../release/home.js';

import {
  type ReleaseFileName,
  releaseFileNames,
  releaseFiles,
  releaseText,
} from '../../contract/agent/release.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { type ContainersAllowed, containersArgs } from '../containers.js';
import { copySynced, digestOf } from '../release/fetch.js';

/** Where an agent is installed when nobody says otherwise; enrol.sh says the same. */
export const DEFAULT_HOME = '/usr/local/lib/syntropy-agent';
const TEMPLATE: ReleaseFileName = 'syntropy-agent.service';

export interface Installing {
  readonly home: ReleaseHome;
  readonly files: AgentFiles;
  readonly stateDir: string;
  readonly service: AgentServiceHost;
  /** Whether the owner lets the grid start this machine anew, and replace the agent. */
  readonly mayRestart: boolean;
  readonly mayUpdate: boolean;
  /** What runs containers, and what of the machine they may have. */
  readonly containers: ContainersAllowed;
}

/** The files of a release, wherever they are. */
export interface Release {
  readonly version: string;
  /** What it is told from others by: a manifest, where a daemon has given one. */
  readonly manifest: string;
  readonly paths: Readonly<Record<ReleaseFileName, string>>;
}

export interface Installed {
  readonly unitFile: string;
  readonly home: string;
  readonly version: string;
}

/** The text of the service, with the paths of this machine. */
export async function describeService(installing: Installing, template: string): Promise<string> {
  const { home, files, stateDir, service, mayRestart, mayUpdate, containers } = installing;
  return service.describe(await readFile(template, 'utf8'), {
    command: [
      path.join(home.directory, 'launch.sh'),
      'run',
      '--home',
      home.directory,
      '--state-dir',
      stateDir,
      ...(mayRestart ? ['--allow-restart'] : []),
      ...(mayUpdate ? ['--allow-update'] : []),
      ...containersArgs(containers),
    ],
    membershipFile: path.join(files.directory, 'node.json'),
  });
}

/**
 * Puts a release in its place, and has the system run it at each of its starts; it is not started now. May be repeated.
 * @throws {AppError} as `AgentServiceHost.install`.
 */
export async function installAgent(installing: Installing, release: Release): Promise<Installed> {
  const { home, service } = installing;
  const { version, manifest, paths } = release;
  const folder = await home.stage();
  for (const name of releaseFileNames) {
    const to = path.join(folder, name);
    await copySynced(paths[name], to);
    await chmod(to, releaseFiles[name].isProgram ? 0o755 : 0o644);
  }
  const id = await home.place(folder, manifest, version);
  // Before it is current: it is no release on trial.
  await home.endTrial();
  await home.use(id);
  await home.placeLauncher();
  const text = await describeService(installing, path.join(home.current, TEMPLATE));
  const { unitFile } = await service.install(text);
  return { unitFile, home: home.directory, version };
}

/** @throws {AppError} as `AgentServiceHost.uninstall`. */
export async function uninstallAgent(
  home: ReleaseHome,
  service: AgentServiceHost,
): Promise<{ readonly unitFile: string }> {
  const removed = await service.uninstall();
  await rm(home.directory, { recursive: true, force: true });
  return removed;
}

/** This very program, with the Node that runs it. @param program - the file `agent.mjs`, beside which the rest of its release lies. */
export function ownPaths(program: string): Release['paths'] {
  const folder = path.dirname(program);
  return {
    'agent.mjs': program,
    'launch.sh': path.join(folder, 'launch.sh'),
    node: process.execPath,
    'syntropy-agent.service': path.join(folder, TEMPLATE),
  };
}

/** The same as a release. Nobody has signed it: it is what runs here already. @throws {AppError} FILE_NOT_FOUND. */
export async function ownRelease(program: string, version: string): Promise<Release> {
  const paths = ownPaths(program);
  const files = [];
  for (const name of releaseFileNames) {
    const { size } = await stat(paths[name]).catch(() => {
      throw new AppError('FILE_NOT_FOUND', `This installation has no ${paths[name]}.`);
    });
    const sha256 = (await digestOf(paths[name])) ?? '';
    files.push({ name, sha256, sizeBytes: size });
  }
  const platform = `${process.platform}-${process.arch}`;
  return { version, manifest: releaseText({ version, platform, files }), paths };
}
