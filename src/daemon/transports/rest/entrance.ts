import type { IncomingMessage } from 'node:http';

import { isIP } from 'node:net';

import type { Subject } from '../../subject.js';

import { AppError } from '../../../core/types/errors/app-error.js';

/** What our own clients send: no name of a host that a browser could be led to. */
export const LOCAL_HOST = 'syntropy';
/** Header by which the local administrator acts as another member. */
const AS_HEADER = 'syntropy-as';

/** One way in: who is let through the door, and who they are. The same for requests and for upgrades to WebSocket. */
export interface Entrance {
  /** Looks at Host and Origin. @throws {AppError} ORIGIN_REFUSED. */
  admit(request: IncomingMessage): void;
  /** @throws {AppError} TOKEN_INVALID, SESSION_ENDED, MEMBER_NOT_FOUND. */
  identify(request: Pick<IncomingMessage, 'headers'>): Subject | Promise<Subject>;
  /** Who somebody is by now whose stream goes on. @throws {AppError} as `identify`: it may go on no longer. */
  again(request: Pick<IncomingMessage, 'headers'>, subject: Subject): Promise<Subject>;
  /** The Origin to allow in the answer, when a browser may have it. */
  allowedOrigin(request: IncomingMessage): string | undefined;
}

/** The local socket: whoever opens it is the administrator. Browsers are kept out, as tailscaled does. */
export function localEntrance(local: (as: string | undefined) => Promise<Subject>): Entrance {
  const identify: Entrance['identify'] = ({ headers }) => {
    const as = headers[AS_HEADER];
    return local(typeof as === 'string' ? as : undefined);
  };
  return {
    identify,
    again: async (request) => identify(request),
    admit({ headers }) {
      const { origin, referer, host } = headers;
      if (origin === undefined && referer === undefined && host === LOCAL_HOST) return;
      throw new AppError('ORIGIN_REFUSED', 'This socket serves no browser and no other host name.');
    },
    allowedOrigin: () => undefined,
  };
}

export interface RemoteOptions {
  readonly authenticate: (authorization: string | undefined) => Subject | Promise<Subject>;
  readonly again: (authorization: string | undefined, subject: Subject) => Promise<Subject>;
  /** Names that requests may be for, in lower case; addresses always are. */
  readonly hosts: ReadonlySet<string>;
  /** Exact origins of browsers. */
  readonly origins: ReadonlySet<string>;
}

/**
 * The listener for members elsewhere. A request must be for one of our names, or for an address: a name that an attacker points here
 * (DNS rebinding) is neither. There is no cookie that a browser could be tricked into sending; an Origin must be on the list besides.
 */
export function remoteEntrance({ authenticate, again, hosts, origins }: RemoteOptions): Entrance {
  const isKnown = hostCheck(hosts);
  return {
    admit({ headers }) {
      const { host, origin } = headers;
      if (!isKnown(host)) {
        throw new AppError('ORIGIN_REFUSED', 'This daemon does not go by that host name.', {
          setting: 'api.allowedHosts',
        });
      }
      if (origin !== undefined && !origins.has(origin)) {
        throw new AppError('ORIGIN_REFUSED', 'Pages of that origin may not call this daemon.', {
          setting: 'api.corsOrigins',
        });
      }
    },
    identify({ headers }) {
      if (headers[AS_HEADER] !== undefined) {
        throw new AppError('PERMISSION_DENIED', 'Only the local socket serves --as.');
      }
      return authenticate(headers.authorization);
    },
    again: ({ headers }, subject) => again(headers.authorization, subject),
    allowedOrigin: ({ headers }) =>
      headers.origin !== undefined && origins.has(headers.origin) ? headers.origin : undefined,
  };
}

/** Clients say the same few things again and again. */
const MAX_KNOWN_HOSTS = 256;

function hostCheck(hosts: ReadonlySet<string>): (host: string | undefined) => boolean {
  const known = new Set<string>();
  return (host) => {
    if (host === undefined) return false;
    if (known.has(host)) return true;
    const isGood = isOurs(host, hosts);
    if (isGood && known.size < MAX_KNOWN_HOSTS) known.add(host);
    return isGood;
  };
}

function isOurs(host: string, hosts: ReadonlySet<string>): boolean {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host);
  const name = (match?.[1] ?? match?.[2] ?? '').toLowerCase();
  return isIP(name) !== 0 || hosts.has(name.replace(/\.$/, ''));
}
