import type { IncomingMessage } from 'node:http';

import { request, type RequestOptions } from 'node:https';
import { Type } from 'typebox';
import { Check } from 'typebox/value';

import { AppError } from '../core/types/errors/app-error.js';
import { isErrorCode } from '../core/types/errors/codes.js';
import { connectionFailure, gridTls } from './pinned-tls.js';

const Refusal = Type.Object({ code: Type.String(), detail: Type.String() });
const MAX_REFUSAL_BYTES = 64 << 10;

export interface GridRequest {
  /** Where the daemon is. */
  readonly url: URL;
  readonly caCertificate: string;
  readonly path: string;
  /** JSON to send; absent: a GET. */
  readonly body?: string;
  /** Ends it, also while the answer is read. */
  readonly signal: AbortSignal;
}

/**
 * Asks the daemon, whose certificate the grid's authority has to vouch for. Resolves to an answer of success that is yet to be read.
 * @throws {AppError} SERVER_UNTRUSTED, DAEMON_UNREACHABLE, CLOCK_WRONG, TIMED_OUT, and what the daemon refuses.
 */
export async function askGrid(asked: GridRequest): Promise<IncomingMessage> {
  const { url, caCertificate, path, body, signal } = asked;
  const options: RequestOptions = { ...gridTls(caCertificate), signal };
  if (body !== undefined) {
    options.method = 'POST';
    options.headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
  }
  const target = new URL(`${url.pathname.replace(/\/$/, '')}${path}`, url);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(target, options, resolve);
    sent.once('error', (error) => reject(failureOf(error, url)));
    sent.end(body);
  });
  if (response.statusCode === 200 || response.statusCode === 201) return response;
  throw refusal(await readAnswer(response, MAX_REFUSAL_BYTES, url), url);
}

/** The whole of an answer. @throws {AppError} as `askGrid`, also when it is longer than it may be. */
export async function readAnswer(
  response: IncomingMessage,
  maxBytes: number,
  url: URL,
): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response) {
      const bytes: Buffer = chunk;
      size += bytes.length;
      if (size > maxBytes) throw new TypeError('too long');
      chunks.push(bytes);
    }
  } catch (error) {
    throw failureOf(error, url);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What broke a connection or the reading of an answer. */
export function failureOf(error: unknown, url: URL): AppError {
  if (error instanceof AppError) return error;
  const known = error instanceof Error ? error : new TypeError(String(error));
  return known.name === 'AbortError' || known.name === 'TimeoutError'
    ? new AppError('TIMED_OUT', `${url.origin} did not answer in time.`)
    : connectionFailure(known, url.origin, new Date());
}

/** In the daemon's own words, as far as they are words of ours. */
function refusal(text: string, url: URL): AppError {
  const answer = parsedJson(text);
  if (Check(Refusal, answer) && isErrorCode(answer.code)) {
    return new AppError(answer.code, answer.detail.slice(0, 1_024));
  }
  return new AppError('DAEMON_UNREACHABLE', `${url.origin} answers, but not as a daemon.`, {
    url: url.origin,
  });
}

/** Undefined for what is no JSON. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
