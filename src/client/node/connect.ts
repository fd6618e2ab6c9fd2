import type { Transport } from '../client.js';
import type { Context } from './contexts.js';

import { SyntropyClient } from '../client.js';
import { keepRenewed, rememberedStore, type SessionPlace } from './context-sessions.js';
import { type Credentials, remote } from './remote.js';
import { fixedCredentials, sessionCredentials } from './session.js';

export interface ConnectOptions extends SessionPlace {
  readonly target: Context;
  /** SYNTROPY_TOKEN, which wins over the session. */
  readonly token?: string | undefined;
  /** A line for the person. */
  readonly note: (line: string) => void;
}

/** Requests to the daemon of a context, as whoever the token or the session says. Loads undici. */
export function connectRemote(options: ConnectOptions): Transport {
  const credentials = credentialsOf(options);
  return remote({
    ...options.target,
    name: options.context,
    ...(credentials === undefined ? {} : { credentials }),
  });
}

/** Requests without a name: to sign in, and to see whether the right server answers. */
export function connectAnonymously({
  target,
  context,
}: Pick<ConnectOptions, 'target' | 'context'>) {
  return new SyntropyClient({ transport: remote({ ...target, name: context }) });
}

function credentialsOf(options: ConnectOptions): Credentials | undefined {
  const { token, target, directory, context, note } = options;
  if (token !== undefined && token !== '') return fixedCredentials(token);
  const store = rememberedStore(options, target);
  if (!store) return undefined;
  const anonymous = connectAnonymously(options);
  return sessionCredentials({
    directory,
    context,
    store,
    refresh: (refreshToken) => anonymous.call('sessions.refresh', { refreshToken }),
    keep: (session) => keepRenewed(options, store, session, note),
  });
}
