import type { IncomingMessage } from 'node:http';

import proxyAddress, { compile } from '@fastify/proxy-addr';
import { isIP } from 'node:net';

import { AppError } from '../../core/types/errors/app-error.js';

/** Whether an address is that of one of our proxies: what it says of where a request came from is believed. */
export type IsProxy = (address: string) => boolean;

/** Takes addresses and networks. @throws {AppError} CONFIG_INVALID for what is neither. */
export function proxies(trusted: readonly string[]): IsProxy {
  try {
    const isTrusted = compile([...trusted]);
    return (address) => isTrusted(address, 0);
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown';
    throw new AppError('CONFIG_INVALID', `"api.trustedProxies" does not fit: ${reason}.`, {
      key: 'api.trustedProxies',
    });
  }
}

/** Where a request came from: the nearest address that is no proxy of ours; what lies beyond it may be made up. */
export function sourceOf(request: IncomingMessage, isProxy?: IsProxy): string {
  if (!isProxy) return addressOf(request.socket.remoteAddress);
  const told = addressOf(proxyAddress(request, isProxy));
  // A proxy that hands on what it was given, whatever that is.
  return isIP(told) === 0 ? addressOf(request.socket.remoteAddress) : told;
}

/** An IPv4 address as such, also on a socket for both. */
export function addressOf(ip: string | undefined): string {
  return ip?.replace(/^::ffff:(?=\d+\.)/, '') ?? 'unknown';
}
