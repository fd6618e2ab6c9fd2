import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { ReleaseHome } from '../../src/agent/release/home.js';
import { scratchFolder } from './scratch.js';

/** Programs of a release that do next to nothing, by the names of its files. */
export interface TinyRelease {
  readonly node?: string;
  readonly agent?: string;
}

/** A folder for `agents.releases`, with the versions that are added to it. */
export async function releaseFolder() {
  const scratch = await scratchFolder();
  return {
    path: scratch.path,
    add: (version: string, tiny: TinyRelease = {}) =>
      writeRelease(path.join(scratch.path, version), tiny, 'node-linux-x64'),
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

/** Where an agent is installed, with the releases that are put into it; the last of them is current. */
export async function releaseHome() {
  const scratch = await scratchFolder();
  const home = new ReleaseHome(scratch.path);
  return {
    home,
    file: (name: string) => scratch.file(name),
    install: (version: string, tiny: TinyRelease = {}) => installRelease(home, version, tiny),
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

/** Makes a release the current one of a home. */
export async function installRelease(
  home: ReleaseHome,
  version: string,
  tiny: TinyRelease = {},
): Promise<void> {
  const folder = await home.stage();
  await writeRelease(folder, tiny, 'node');
  await home.use(await home.place(folder, `made for a test: ${version}\n`, version));
  await home.placeLauncher();
}

async function writeRelease(
  folder: string,
  { node = '#!/bin/sh\nexit 0\n', agent = '// The agent.\n' }: TinyRelease,
  nodeName: string,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const launcher = await readFile(path.resolve('deploy/agent/launch.sh'), 'utf8');
  const files = {
    [nodeName]: node,
    'agent.mjs': agent,
    'launch.sh': launcher,
    'syntropy-agent.service': '[Service]\n',
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path.join(folder, name), text);
    await chmod(path.join(folder, name), 0o755);
  }
  return folder;
}
