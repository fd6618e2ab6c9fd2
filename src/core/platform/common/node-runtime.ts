import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);

/**
 * The Node that is installed beside this program for a platform such as `linux-x64`, as a package of its own. Not the one that runs
 * this: a distribution's own needs libraries that another machine does not have.
 */
export function packagedNode(platform: string): string | undefined {
  try {
    const manifest = require.resolve(`node-${platform}/package.json`);
    const file = path.join(path.dirname(manifest), 'bin', 'node');
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}
