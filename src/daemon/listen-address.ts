import type { SettingKey } from '../core/config/schema.js';

import { AppError } from '../core/types/errors/app-error.js';

/** Takes `host:port` apart; an IPv6 address stands in brackets. @throws {AppError} CONFIG_INVALID, naming the setting. */
export function listenAddress(listen: string, key: SettingKey): { host: string; port: number } {
  const at = listen.lastIndexOf(':');
  const port = Number(listen.slice(at + 1));
  if (port <= 65_535) return { host: listen.slice(0, at).replaceAll(/^\[|\]$/g, ''), port };
  throw new AppError('CONFIG_INVALID', `There is no port ${port}.`, { key });
}
