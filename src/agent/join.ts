import { request } from 'node:https';
import { Type } from 'typebox';
import { Check } from 'typebox/value';

import type { AgentFiles, Membership } from './agent-files.js';
import type { AgentIdentity } from './identity.js';

import { joinText } from '../contract/agent/protocol.js';
import type { JoinToken } from '../contract/agent/join-token.js';
import { joinAgent } from '../contract/operations/agent.js';
import { AppError } from '../core/types/errors/app-error.js';
import { isErrorCode } from '../core/types/errors/codes.js';
import { authorityCertificate, connectionFailure, gridTls } from './pinned-tls.js';

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 64 << 10;

const Refusal = Type.Object({ code: Type.String(), detail: Type.String() });

export interface Joining {
  readonly token: JoinToken;
  /** Where the daemon is; the token says it, or the machine has found out. */
  readonly url: URL;
  readonly name: string | undefined;
  readonly identity: AgentIdentity;
  readonly machine: string;
  readonly version: string;
  readonly files: AgentFiles;
}

export interface Joined {
  readonly membership: Membership;
  readonly approval: 'approved' | 'pending';
}

/**
 * Redeems a token: from then on this machine is a node. May be repeated until it succeeds: a token is spent once, and the same identity
 * gets the same answer.
 * @throws {AppError} SERVER_UNTRUSTED, DAEMON_UNREACHABLE, CLOCK_WRONG, TIMED_OUT, and what the daemon refuses.
 */
export async function join(joining: Joining): Promise<Joined> {
  const { token, url, name, identity, machine, version, files } = joining;
  const caCertificate = await authorityCertificate(url, token.caSha256);
  const shown = {
    secret: token.secret,
    identityKey: identity.identityKey,
    wireguardKey: identity.wireguardKey,
    machine,
  };
  const at = new Date();
  const answer = await post(url, caCertificate, {
    ...shown,
    ...(name === undefined ? {} : { name }),
    agentVersion: version,
    at: at.toISOString(),
    signature: identity.sign(joinText(shown, token.caSha256)),
  });
  if (!Check(joinAgent.output, answer)) {
    throw new AppError('API_VERSION_MISMATCH', `${url.origin} answers what is no answer to this.`);
  }
  const membership: Membership = {
    version: 1,
    node: answer.node,
    url: url.href.replace(/\/$/, ''),
    caSha256: token.caSha256,
    caCertificate,
    joinedAt: at.toISOString(),
  };
  await files.saveMembership(membership);
  return { membership, approval: answer.approval };
}

async function post(url: URL, caCertificate: string, body: object): Promise<unknown> {
  const [, path] = joinAgent.http;
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asked = request(
      new URL(`${url.pathname.replace(/\/$/, '')}${path}`, url),
      {
        method: 'POST',
        ...gridTls(caCertificate),
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES) response.destroy(new TypeError('too long'));
          else chunks.push(chunk);
        });
        response.once('error', (error) => reject(connectionFailure(error, url.origin, new Date())));
        response.once('end', () => {
          const answer = parsed(Buffer.concat(chunks).toString('utf8'));
          if (response.statusCode === 201 || response.statusCode === 200) resolve(answer);
          else reject(refusal(answer, url));
        });
      },
    );
    asked.once('error', (error) => {
      reject(
        error.name === 'AbortError' || error.name === 'TimeoutError'
          ? new AppError('TIMED_OUT', `${url.origin} did not answer within ${TIMEOUT_MS / 1000} s.`)
          : connectionFailure(error, url.origin, new Date()),
      );
    });
    asked.end(text);
  });
}

/** In the daemon's own words, as far as they are words of ours. */
function refusal(answer: unknown, url: URL): AppError {
  if (Check(Refusal, answer) && isErrorCode(answer.code)) {
    return new AppError(answer.code, answer.detail.slice(0, 1_024));
  }
  return new AppError('DAEMON_UNREACHABLE', `${url.origin} answers, but not as a daemon.`, {
    url: url.origin,
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
