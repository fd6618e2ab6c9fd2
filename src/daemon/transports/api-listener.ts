import type { FastifyInstance } from 'fastify';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Server as HttpsServer } from 'node:https';
import os from 'node:os';

import type { Config } from '../../core/config/load.js';
import type { PrivateKey } from '../../core/storage/postgres/key.repository.js';

import { GRID_SERVER_NAME } from '../../contract/grid.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { errorCode } from '../../core/types/errors/error-code.js';
import { listenAddress } from '../listen-address.js';
import { addressOf, type IsProxy, proxies } from './proxies.js';
import { givenIdentity, ownIdentity, type ServerIdentity } from './tls.js';

/** More from one address is no client of ours; each costs a socket and, under TLS, a handshake. */
const MAX_CONNECTIONS_PER_ADDRESS = 2_048;
const HANDSHAKE_TIMEOUT_MS = 5_000;
/** A process that runs for longer than its certificate would be locked out with it. */
const RENEW_MS = 7 * 24 * 3600_000;

/** Where the API can be reached from elsewhere. */
export interface ApiFacts {
  readonly url: string;
  readonly tls: 'grid-ca' | 'certificate' | 'off';
  /** SHA-256 in hex of what clients pin. */
  readonly fingerprint?: string;
}

/** The address that was bound, which may be all of this host’s. */
export interface Listening {
  readonly address: string;
  readonly port: number;
}

/** What the configuration asks for, looked at before anything listens. */
export interface ApiPlan {
  readonly host: string;
  readonly port: number;
  /** Names that requests may be for. */
  readonly hosts: ReadonlySet<string>;
  readonly origins: ReadonlySet<string>;
  /** Absent: none stands before this daemon. */
  readonly isProxy?: IsProxy;
  /** Absent: no TLS. */
  readonly identity?: ServerIdentity;
  readonly renew: () => Promise<ServerIdentity | undefined>;
  /** What agents are shown, who ask for the grid's own name and trust its authority alone, whatever certificate others see. */
  readonly forAgents: () => Promise<ServerIdentity>;
}

/** Undefined when no listener is wanted. @throws {AppError} CONFIG_INVALID. */
export async function planApi(
  config: Config,
  ca: () => Promise<PrivateKey>,
): Promise<ApiPlan | undefined> {
  const listen = config.get('api.listen');
  if (listen === undefined) return undefined;
  const { host, port } = listenAddress(listen, 'api.listen');
  const hosts = hostNames(config, host);
  const trusted = list(config.get('api.trustedProxies'));
  const renew = () => identityOf(config, ca, [...hosts]);
  const identity = await renew();
  return {
    host,
    port,
    hosts,
    origins: new Set([...list(config.get('api.corsOrigins')), ...originOf(config)]),
    ...(trusted.length > 0 ? { isProxy: proxies(trusted) } : {}),
    ...(identity ? { identity } : {}),
    renew,
    forAgents: async () => ownIdentity(await ca(), [...hosts], new Date()),
  };
}

/** Options of the server that will listen. */
export function tlsOptions({ identity }: ApiPlan): { readonly https?: object } {
  if (!identity) return {};
  const { certPem: cert, keyPem: key } = identity;
  return {
    https: { cert, key, minVersion: 'TLSv1.2', handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
  };
}

/** Listens. @throws {AppError} CONFIG_INVALID when the address is taken or not this host's. */
export async function listenOnAddress(
  app: FastifyInstance,
  plan: ApiPlan,
): Promise<{ readonly facts: ApiFacts; readonly listening: Listening; close(): void }> {
  limitPerAddress(app.server, plan.isProxy);
  await app.listen({ host: plan.host, port: plan.port }).catch((error: unknown) => {
    const code = errorCode(error) ?? 'unknown';
    throw new AppError('CONFIG_INVALID', `Cannot listen on ${plan.host}:${plan.port} (${code}).`, {
      key: 'api.listen',
      reason: code,
    });
  });
  await nameForAgents(app, plan);
  const timer = setInterval(() => {
    // One that fails is done again in a week; the certificate lives for many.
    void renewCertificate(app, plan).catch(() => undefined);
  }, RENEW_MS).unref();
  const listening = listeningOf(app);
  return {
    facts: factsOf(listening, plan),
    listening,
    close: () => clearInterval(timer),
  };
}

async function renewCertificate(app: FastifyInstance, plan: ApiPlan): Promise<void> {
  const identity = await plan.renew();
  if (!identity || !(app.server instanceof HttpsServer)) return;
  app.server.setSecureContext({ cert: identity.certPem, key: identity.keyPem });
  await nameForAgents(app, plan);
}

/** Beside an operator's certificate. Of several contexts for a name the newest is used. */
async function nameForAgents(app: FastifyInstance, plan: ApiPlan): Promise<void> {
  if (plan.identity?.kind !== 'certificate' || !(app.server instanceof HttpsServer)) return;
  const { certPem: cert, keyPem: key } = await plan.forAgents();
  app.server.addContext(GRID_SERVER_NAME, { cert, key });
}

function listeningOf(app: FastifyInstance): Listening {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP, whose address is one of these
  const { address, port } = app.server.address() as AddressInfo;
  return { address, port };
}

function factsOf({ port }: Listening, { host, identity }: ApiPlan): ApiFacts {
  const shown = host === '0.0.0.0' || host === '::' ? os.hostname() : host;
  const authority = shown.includes(':') ? `[${shown}]` : shown;
  return {
    url: `${identity ? 'https' : 'http'}://${authority}:${port}`,
    tls: identity?.kind ?? 'off',
    ...(identity ? { fingerprint: identity.fingerprint } : {}),
  };
}

async function identityOf(
  config: Config,
  ca: () => Promise<PrivateKey>,
  names: readonly string[],
): Promise<ServerIdentity | undefined> {
  if (config.get('api.tls') === 'off') return undefined;
  const cert = config.get('api.tlsCert');
  const key = config.get('api.tlsKey');
  if (cert !== undefined && key !== undefined) return givenIdentity(cert, key);
  if (cert === undefined && key === undefined) return ownIdentity(await ca(), names, new Date());
  throw new AppError(
    'CONFIG_INVALID',
    'A certificate and its key are given together or not at all.',
    {
      key: cert === undefined ? 'api.tlsCert' : 'api.tlsKey',
    },
  );
}

/** Every name and address that this host is likely to be called by. */
function hostNames(config: Config, host: string): ReadonlySet<string> {
  const publicUrl = config.get('publicUrl');
  const addresses = Object.values(os.networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ address }) => !address.startsWith('fe80:'))
    .map(({ address }) => address);
  const unspecified = host === '0.0.0.0' || host === '::';
  return new Set(
    [
      'localhost',
      GRID_SERVER_NAME,
      os.hostname(),
      ...(unspecified ? addresses : [host]),
      ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname.replaceAll(/^\[|\]$/g, '')]),
      ...list(config.get('api.allowedHosts')),
    ].map((name) => name.toLowerCase()),
  );
}

/** A dashboard that the daemon itself serves comes from there. */
function originOf(config: Config): readonly string[] {
  const publicUrl = config.get('publicUrl');
  return publicUrl === undefined ? [] : [new URL(publicUrl).origin];
}

function list(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function limitPerAddress(server: HttpServer | HttpsServer, isExempt?: IsProxy): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const address = addressOf(socket.remoteAddress);
    if (isExempt?.(address)) return;
    const count = (open.get(address) ?? 0) + 1;
    if (count > MAX_CONNECTIONS_PER_ADDRESS) {
      socket.destroy();
      return;
    }
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  });
}
