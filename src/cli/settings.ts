import { text as textOf } from 'node:stream/consumers';

import type { SettingSource } from '../core/config/load.js';
import type { StatePaths } from '../core/config/state-paths.js';

import { loadConfig, requireKey, setConfigValue } from '../core/config/load.js';
import { isSettingKey, type Setting, settings } from '../core/config/schema.js';
import { AppError } from '../core/types/errors/app-error.js';
import { errorCode } from '../core/types/errors/error-code.js';

/** One setting as it is shown. */
export interface ShownSetting {
  readonly key: string;
  /** Absent: unset. A secret is told as `[set]`. */
  readonly value?: string | number | boolean;
  readonly source: SettingSource;
  readonly env: string;
  readonly summary: string;
}

/** Every setting as a daemon that is started here and now would read it. */
export async function readSettings({ configFile }: StatePaths): Promise<readonly ShownSetting[]> {
  const config = await loadConfig({ file: configFile, env: process.env }).catch(
    unreadable(configFile),
  );
  return Object.keys(settings)
    .filter(isSettingKey)
    .map((key) => {
      const { env, secret, summary }: Setting = settings[key];
      const value = config.get(key);
      const shown = value === undefined ? {} : { value: secret ? '[set]' : value };
      return { key, ...shown, source: config.source(key), env, summary };
    });
}

/** @throws {AppError} CONFIG_KEY_NOT_FOUND, with the nearest key. */
export function settingNamed(all: readonly ShownSetting[], key: string): ShownSetting {
  const known = requireKey(key);
  const found = all.find((setting) => setting.key === known);
  if (found) return found;
  throw new AppError('CONFIG_KEY_NOT_FOUND', `There is no key "${key}".`, { key });
}

/** Changes or removes one setting in the file, and answers how it stands now. */
export async function changeSetting(
  paths: StatePaths,
  key: string,
  change: { readonly value: string | undefined; readonly unset: boolean; readonly stdin: boolean },
): Promise<ShownSetting> {
  requireKey(key);
  const given = [change.value !== undefined, change.unset, change.stdin].filter(Boolean).length;
  if (given !== 1) {
    throw new AppError('USAGE_INVALID', 'Give one of: a value, --stdin or --unset.', { key });
  }
  const value = change.stdin ? (await textOf(process.stdin)).trim() : change.value;
  await setConfigValue(paths.configFile, key, value).catch(unreadable(paths.configFile));
  return settingNamed(await readSettings(paths), key);
}

/** The system's configuration is not everybody's to read or to change. */
function unreadable(file: string): (error: unknown) => never {
  return (error) => {
    const code = errorCode(error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new AppError('PERMISSION_DENIED', `This user may not use ${file}.`, { file });
    }
    throw error;
  };
}
