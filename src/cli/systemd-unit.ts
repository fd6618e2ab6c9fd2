import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { daemonProgram } from './daemon-program.js';

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
    () => `ExecStart=${[node, ...daemonProgram(installation)].map(quoted).join(' ')}`,
  );
}

/** As systemd.service(5) reads a command line: `%` and `$` mean something, and so do spaces outside of quotes. */
function quoted(text: string): string {
  const escaped = text.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w./%$=-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll(/["\\]/g, '\\$&')}"`;
}
