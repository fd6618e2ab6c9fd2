import { Check } from 'typebox/value';

import type { AgentFiles, Membership } from '../agent-files.js';
import type { AgentIdentity } from '../identity.js';

import { joinText } from '../../contract/agent/protocol.js';
import type { JoinToken } from '../../contract/agent/join-token.js';
import { joinAgent } from '../../contract/operations/agent.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { askGrid, parsedJson, readAnswer } from '../grid-request.js';
import { authorityCertificate } from '../pinned-tls.js';

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 64 << 10;

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
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const text = JSON.stringify(body);
  const response = await askGrid({ url, caCertificate, path, body: text, signal });
  return parsedJson(await readAnswer(response, MAX_ANSWER_BYTES, url));
}
