import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../types/errors/app-error.js';
import { writeFileAtomic } from './atomic-file.js';

const KEY_BYTES = 32;
const FILE_NAME = 'master.key';

export function masterKeyFile(stateDir: string): string {
  return path.join(stateDir, FILE_NAME);
}

/**
 * The key that encrypts the grid's private keys: from SYNTROPY_MASTER_KEY (base64, for replicas that share a database), else
 * from a 0600 file that is made on first start. Call it under the state lock.
 * @throws {AppError} CONFIG_INVALID when it is malformed or readable by others.
 */
export async function loadMasterKey(stateDir: string, fromEnvironment?: string): Promise<Buffer> {
  if (fromEnvironment !== undefined) return decode(fromEnvironment, 'SYNTROPY_MASTER_KEY');
  const file = masterKeyFile(stateDir);
  const stats = await stat(file).catch(() => undefined);
  if (!stats) {
    const key = randomBytes(KEY_BYTES);
    await writeFileAtomic(file, `${key.toString('base64')}\n`);
    return key;
  }
  if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0) {
    throw new AppError('CONFIG_INVALID', `${file} can be read by others. Run: chmod 600 ${file}`, {
      file,
    });
  }
  return decode((await readFile(file, 'utf8')).trim(), file);
}

function decode(text: string, where: string): Buffer {
  const key = Buffer.from(text, 'base64');
  if (key.length === KEY_BYTES && key.toString('base64') === text) return key;
  throw new AppError('CONFIG_INVALID', `${where} must hold ${KEY_BYTES} bytes in base64.`, {
    where,
  });
}
