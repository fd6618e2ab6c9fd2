import path from 'node:path';

import { type Contexts, CONTEXTS_FILE, readContexts } from './contexts.js';
import { withFileLock } from './file-lock.js';

/**
 * Changes the contexts of a user: reads them, and writes what `change` makes of them, while no other command does. Answers it.
 * @throws {AppError} what `change` throws; CONFIG_INVALID, TIMED_OUT.
 */
export async function changeContexts(
  directory: string,
  change: (contexts: Contexts) => Contexts,
): Promise<Contexts> {
  return withFileLock(path.join(directory, 'contexts.lock'), async () => {
    const { default: Conf } = await import('conf');
    const changed = change(readContexts(directory));
    // Replaces the file at once, readable by this user alone.
    const file = new Conf<Record<string, unknown>>({
      cwd: directory,
      configName: path.parse(CONTEXTS_FILE).name,
      configFileMode: 0o600,
      accessPropertiesByDotNotation: false,
      serialize: (value) => `${JSON.stringify(value, undefined, 2)}\n`,
    });
    file.store = { schemaVersion: 1, ...changed };
    return changed;
  });
}
