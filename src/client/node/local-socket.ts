import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';

import type { HttpRequest, HttpResponse, Transport } from '../client.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { errorCode } from '../../core/types/errors/error-code.js';

/** Bounds what an answer can make a command hold. */
const MAX_BODY_CHARACTERS = 64 << 20;

/**
 * Requests over the daemon's local socket, each on a connection of its own, by node:http: on the path of every command, where
 * undici or fetch would cost more than the rest of it together.
 */
export function localSocket(socketPath: string, { as }: { readonly as?: string } = {}): Transport {
  // A header is ASCII; a name that is none is refused by the daemon, and not by node:http as a bug of ours.
  const acting = as === undefined ? {} : { 'syntropy-as': encodeURIComponent(as) };
  return (asked) =>
    new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          socketPath,
          path: asked.path,
          method: asked.method,
          agent: false,
          headers: {
            host: 'syntropy',
            ...acting,
            ...asked.headers,
            ...(asked.body === undefined
              ? {}
              : { 'content-length': Buffer.byteLength(asked.body) }),
          },
          ...(asked.signal === undefined ? {} : { signal: asked.signal }),
        },
        (message) => resolve(toResponse(message, request, asked)),
      );
      limitTime(request, asked);
      request.on('error', (error) => reject(unreachable(error, socketPath, asked)));
      request.end(asked.body);
    });
}

function limitTime(request: ClientRequest, { timeoutMs }: HttpRequest): void {
  if (timeoutMs === 0) return;
  const timer = setTimeout(() => request.destroy(timedOut(timeoutMs)), timeoutMs);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
}

function timedOut(timeoutMs: number): AppError {
  return new AppError('TIMED_OUT', `The daemon did not answer within ${timeoutMs / 1000} s.`);
}

function toResponse(
  message: IncomingMessage,
  request: ClientRequest,
  asked: HttpRequest,
): HttpResponse {
  message.setEncoding('utf8');
  const version = message.headers['syntropy-api'];
  return {
    status: message.statusCode ?? 0,
    headers: { 'syntropy-api': typeof version === 'string' ? version : undefined },
    chunks: chunksOf(message, asked),
    async text() {
      let text = '';
      for await (const chunk of chunksOf(message, asked)) {
        text += chunk;
        if (text.length > MAX_BODY_CHARACTERS) {
          request.destroy();
          throw new AppError('INTERNAL', 'The daemon sent an answer that is too long.');
        }
      }
      return text;
    },
  };
}

async function* chunksOf(message: IncomingMessage, asked: HttpRequest): AsyncGenerator<string> {
  try {
    for await (const chunk of message) yield String(chunk);
  } catch (error) {
    if (asked.signal?.aborted) return;
    throw error instanceof AppError
      ? error
      : new AppError(
          'DAEMON_UNREACHABLE',
          'The connection to the daemon broke.',
          {},
          { cause: error },
        );
  }
}

function unreachable(error: Error, socketPath: string, asked: HttpRequest): unknown {
  if (error instanceof AppError || asked.signal?.aborted) return error;
  const code = errorCode(error);
  if (code === 'EACCES' || code === 'EPERM') {
    return new AppError('SOCKET_PERMISSION', `This user may not open ${socketPath}.`, {
      socket: socketPath,
    });
  }
  const running =
    code === 'ENOENT' || code === 'ECONNREFUSED' ? 'is not running' : 'does not answer';
  return new AppError(
    'DAEMON_UNREACHABLE',
    `The daemon ${running}.`,
    { socket: socketPath },
    { cause: error },
  );
}
