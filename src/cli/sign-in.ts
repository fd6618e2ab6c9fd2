import os from 'node:os';

import type { SessionBackend } from '../client/node/contexts.js';
import type { OperationInput } from '../contract/registry.js';
import type { SessionTokens } from '../contract/schemas/member.js';
import type { Target } from './target.js';

import {
  forgetSession,
  keepSession,
  newStore,
  plainFileWarning,
  rememberedStore,
} from '../client/node/context-sessions.js';
import { type Context, LOCAL_CONTEXT } from '../client/node/contexts.js';
import { SyntropyClient } from '../client/client.js';
import { AppError } from '../core/types/errors/app-error.js';
import { ask, askNewSecret, askSecret, linesOfStdin } from './prompts.js';

const MAX_CLIENT_CHARACTERS = 128;

export interface LoginFlags {
  readonly member?: string | undefined;
  readonly 'password-stdin': boolean;
  readonly 'invitation-stdin': boolean;
}

type Proof = Pick<OperationInput<'sessions.create'>, 'member' | 'password' | 'invitation'>;

/** A session as it is shown: never its tokens. */
export interface ShownSession {
  readonly context: string;
  readonly url: string;
  readonly member: SessionTokens['member'];
  readonly store: SessionBackend;
  readonly storedIn: string;
  /** Renewed by every command until then. */
  readonly expiresAt: string;
}

/** The same target, if it is one that people sign in to. @throws {AppError} USAGE_INVALID. */
export function requireRemote(target: Target): Target & { readonly context: Context } {
  const { context } = target;
  if (context) return { ...target, context };
  throw new AppError(
    'USAGE_INVALID',
    `The local socket needs no sign-in. Name the daemon with --context, or choose one with \`syntropy context use\`.`,
    { context: LOCAL_CONTEXT },
  );
}

/**
 * What somebody signs in with, from standard input or from the person at the terminal; never from an argument.
 * @throws {AppError} USAGE_INVALID, CONFIRMATION_REQUIRED.
 */
export async function proofOf(flags: LoginFlags, json: boolean): Promise<Proof> {
  const isTerminal = process.stdin.isTTY && !json;
  if (flags['invitation-stdin']) {
    if (!isTerminal) {
      const [invitation = '', password = ''] = await linesOfStdin(2, '--invitation-stdin');
      return { invitation: invitation.trim(), password };
    }
    const asked = { flag: '--invitation-stdin', json };
    const invitation = await askSecret({ ...asked, message: 'Invitation:' });
    const password = await askNewSecret({ ...asked, message: 'New password (10 or more):' });
    return { invitation: invitation.trim(), password };
  }
  const member = flags.member ?? (await ask({ message: 'Member:', flag: '--member', json }));
  if (flags['password-stdin'] && !isTerminal) {
    const [password = ''] = await linesOfStdin(1, '--password-stdin');
    return { member, password };
  }
  const password = await askSecret({ message: 'Password:', flag: '--password-stdin', json });
  return { member, password };
}

/** Signs in, and keeps the session where it was asked to be or where it is safest. @throws {AppError} what the daemon says. */
export async function signIn(
  { name, directory, context }: Target & { readonly context: Context },
  proof: Proof,
  options: {
    readonly store: SessionBackend | undefined;
    readonly userAgent: string;
    readonly note: (line: string) => void;
  },
): Promise<ShownSession> {
  const place = { directory, context: name };
  const { store, fellBack } = await newStore(place, options.store, context.session?.store);
  if (fellBack) options.note(plainFileWarning(store));
  const { connectAnonymously } = await import('../client/node/connect.js');
  const client = `${options.userAgent} on ${os.hostname()}`.slice(0, MAX_CLIENT_CHARACTERS);
  const session = await connectAnonymously({ context: name, target: context }).call(
    'sessions.create',
    { ...proof, client },
  );
  await keepSession(place, store, session);
  return {
    context: name,
    url: context.url,
    member: session.member,
    store: store.kind,
    storedIn: store.where,
    expiresAt: session.refreshExpiresAt,
  };
}

/** Failures that mean that the session is over already. */
const OVER: readonly string[] = ['SESSION_ENDED', 'TOKEN_INVALID', 'AUTH_REQUIRED'];

/**
 * Ends the session of a context, at the daemon and here; here also where the daemon cannot be told, which `note` says. Answers whether
 * there was one.
 */
export async function signOut(
  { name, directory, context }: Target & { readonly context: Context },
  note: (line: string) => void,
): Promise<boolean> {
  const place = { directory, context: name };
  const store = rememberedStore(place, context);
  if (!store) return false;
  const { connectRemote } = await import('../client/node/connect.js');
  // Never as SYNTROPY_TOKEN says: it is the session that ends.
  const transport = connectRemote({ ...place, target: context, note });
  try {
    await new SyntropyClient({ transport }).call('sessions.delete', {});
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (!OVER.includes(error.code)) {
      note(
        `Warning: the daemon could not be told (${error.message}). There, the session ends by itself.`,
      );
    }
  }
  await forgetSession(place, store);
  return true;
}
