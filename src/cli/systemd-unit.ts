import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { daemonProgram } from './daemon-program.js';
import { systemdWord } from '../core/utils/systemd-word.js';

/** What starts the daemon of an installation. */
export interface Programs {
  /** The Node that runs this command. */
  readonly node: string;
  /** Folder that holds bin/. */
  readonly installation: string;
}

/**
 * The unit of the system daemon, with the paths of this installation. Its text is deploy/systemd/syntropy.service, which packages
 * install as it is; why each option is there is said in it.
 */
export async function systemdUnit({ node, installation }: Programs): Promise<string> {
  const template = await readFile(
    path.join(installation, 'deploy', 'systemd', 'syntropy.service'),
    'utf8',
  );
  return template.replace(
    /^ExecStart=\S+ (--\S+ )*\S+/m,
    () => `ExecStart=${[node, ...daemonProgram(installation)].map(systemdWord).join(' ')}`,
  );
}
