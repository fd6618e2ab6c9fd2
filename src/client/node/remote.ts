import net from 'node:net';
import tls from 'node:tls';
import { type buildConnector, type Dispatcher, Pool } from 'undici';

import type { HttpRequest, HttpResponse, Transport } from '../client.js';
import type { Context } from './contexts.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { errorCode } from '../../core/types/errors/error-code.js';
import { remoteFailure } from './remote-failures.js';
import { tlsOptions } from './trust.js';

/** Bounds what an answer can make a command hold. */
const MAX_BODY_BYTES = 64 << 20;
const MAX_CONNECTIONS = 16;
const CONNECT_TIMEOUT_MS = 10_000;
/** Until a stream has begun. */
const STREAM_BEGIN_TIMEOUT_MS = 30_000;
/** A daemon sends a comment every 15 s on a stream that is quiet; one that misses two is gone, or the network is. */
const STREAM_SILENCE_MS = 40_000;

/** What is sent as the bearer token, and where the next one comes from when it is refused. */
export interface Credentials {
  /** Undefined: nobody has signed in. */
  token(): Promise<string | undefined>;
  /** Another one in the place of a token that the daemon refused; undefined when there is none. */
  renewed(refused: string): Promise<string | undefined>;
}

export interface RemoteOptions extends Pick<Context, 'url' | 'trust'> {
  /** Named in failures. */
  readonly name: string;
  readonly credentials?: Credentials;
  /** How long a stream may be silent. Default: 40 s. */
  readonly streamSilenceMs?: number;
}

/**
 * Requests to a daemon elsewhere, over TLS unless its address says http. Loads undici: to be imported only where a context asks for it.
 */
export function remote(options: RemoteOptions): Transport {
  const url = new URL(options.url);
  const pool = new Pool(url.origin, {
    connect: connector(options, url),
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    allowH2: false,
  });
  const base = url.pathname.replace(/\/$/, '');
  const { credentials } = options;
  return async (asked) => {
    const once = (token: string | undefined) => send(pool, base, asked, token, options);
    const token = await credentials?.token();
    const answer = await once(token);
    if (answer.statusCode !== 401 || token === undefined) return toResponse(answer, asked, options);
    // Refused before anything was done, so that to repeat it is safe: revoked, of an old key, or expired by another clock than ours.
    const renewed = await credentials?.renewed(token);
    if (renewed === undefined) return toResponse(answer, asked, options);
    await answer.body.dump();
    return toResponse(await once(renewed), asked, options);
  };
}

async function send(
  pool: Pool,
  base: string,
  asked: HttpRequest,
  token: string | undefined,
  { url, name, streamSilenceMs = STREAM_SILENCE_MS }: RemoteOptions,
): Promise<Dispatcher.ResponseData> {
  const isStream = asked.timeoutMs === 0;
  try {
    return await pool.request({
      path: `${base}${asked.path}`,
      method: asked.method,
      headers: {
        ...asked.headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: asked.body ?? null,
      signal: limited(asked),
      headersTimeout: isStream ? STREAM_BEGIN_TIMEOUT_MS : asked.timeoutMs,
      bodyTimeout: isStream ? streamSilenceMs : asked.timeoutMs,
    });
  } catch (error) {
    throw failure(error, asked, url, name);
  }
}

function limited({ signal, timeoutMs }: HttpRequest): AbortSignal | null {
  if (timeoutMs === 0) return signal ?? null;
  const limit = AbortSignal.timeout(timeoutMs);
  return signal ? AbortSignal.any([signal, limit]) : limit;
}

function failure(error: unknown, asked: HttpRequest, url: string, name: string): unknown {
  if (asked.signal?.aborted) return error;
  const code = errorCode(error);
  const isLate =
    code === 'UND_ERR_HEADERS_TIMEOUT' || (error instanceof Error && error.name === 'TimeoutError');
  if (!isLate) return remoteFailure(error, url, name);
  const seconds = (asked.timeoutMs || STREAM_BEGIN_TIMEOUT_MS) / 1000;
  return new AppError('TIMED_OUT', `${url} did not answer within ${seconds} s.`, { url });
}

function toResponse(
  answer: Dispatcher.ResponseData,
  asked: HttpRequest,
  { url, name }: RemoteOptions,
): HttpResponse {
  const version = answer.headers['syntropy-api'];
  const chunks = chunksOf(answer, asked, url, name);
  return {
    status: answer.statusCode,
    headers: { 'syntropy-api': typeof version === 'string' ? version : undefined },
    chunks,
    async text() {
      let text = '';
      for await (const chunk of chunks) {
        text += chunk;
        if (text.length <= MAX_BODY_BYTES) continue;
        throw new AppError('INTERNAL', 'The daemon sent an answer that is too long.');
      }
      return text;
    },
  };
}

async function* chunksOf(
  { body }: Dispatcher.ResponseData,
  asked: HttpRequest,
  url: string,
  name: string,
): AsyncGenerator<string> {
  body.setEncoding('utf8');
  try {
    for await (const chunk of body) yield String(chunk);
  } catch (error) {
    if (asked.signal?.aborted) return;
    throw failure(error, asked, url, name);
  }
}

/** Connects by ourselves, for undici would put names of its own in the place of those that are to be verified. */
function connector({ trust }: RemoteOptions, url: URL): buildConnector.connector {
  const host = url.hostname.replaceAll(/^\[|\]$/g, '');
  const isTls = url.protocol === 'https:';
  const port = Number(url.port || (isTls ? 443 : 80));
  return (_, callback) => {
    const socket = isTls
      ? tls.connect({ host, port, ...tlsOptions(trust, host), ALPNProtocols: ['http/1.1'] })
      : net.connect({ host, port });
    const timer = setTimeout(
      () => socket.destroy(new AppError('DAEMON_UNREACHABLE', `${url.origin} does not answer.`)),
      CONNECT_TIMEOUT_MS,
    );
    const failed = (error: Error) => {
      clearTimeout(timer);
      callback(error, null);
    };
    socket.setNoDelay(true);
    socket.once('error', failed);
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      socket.removeListener('error', failed);
      callback(null, socket);
    });
  };
}
