import type { PublishedPort } from '../contract/schemas/container.js';

import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';

const LAST_PORT = 65_535;

/**
 * Reads `[host:]container[/tcp|udp]`, as `docker run --publish` has it. Without a host port the node chooses one.
 * @param where - what the text was said at, for the error: `--publish`, or a key of an app file.
 * @throws {AppError} USAGE_INVALID.
 */
export function parsePort(text: string, where = '--publish'): PublishedPort {
  const [, host, container = '', protocol = 'tcp'] =
    /^(?:(\d{1,5}):)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  if (protocol !== 'tcp' && protocol !== 'udp') throw unreadable(text, where);
  if (!isPort(container) || (host !== undefined && !isPort(host))) throw unreadable(text, where);
  return {
    ...(host === undefined ? {} : { host: Number(host) }),
    container: Number(container),
    protocol,
  };
}

/** The same as it is typed: `8080:80/tcp`. */
export function formatPort({ host, container, protocol }: PublishedPort): string {
  return `${host === undefined ? '' : `${host}:`}${container}/${protocol}`;
}

function isPort(digits: string): boolean {
  const port = Number(digits);
  return digits !== '' && port >= 1 && port <= LAST_PORT;
}

function unreadable(text: string, where: string): AppError {
  return new AppError(
    'USAGE_INVALID',
    `${where} ${quoted(text)} is no port; write it as 8080:80, 80 or 53:53/udp, with ports from 1 to ${LAST_PORT}. Ranges and addresses are not taken.`,
    { flag: where },
  );
}
