import type { SessionTokens } from '../../contract/schemas/member.js';
import type { Context, SessionBackend } from './contexts.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { changeContexts } from './context-store.js';
import { keychainStore, keychainWorks, type OpenEntry } from './keychain.js';
import { fileStore, type SessionStore } from './session-store.js';

/** Whose session it is about. */
export interface SessionPlace {
  readonly directory: string;
  readonly context: string;
  /** In the place of the operating system's keychain, for tests. */
  readonly openEntry?: OpenEntry;
}

/** Where the session of a context was kept at the last login; undefined: nobody has signed in. */
export function rememberedStore(
  place: SessionPlace,
  { session }: Pick<Context, 'session'>,
): SessionStore | undefined {
  return session && storeOf(place, session.store);
}

/**
 * Where a new session is to be kept: as asked; else as it was; else in the keychain, if a canary lives there; else in a file. Found out
 * before anybody signs in, so that no session is made that cannot be kept.
 * @throws {AppError} CAPABILITY_MISSING when the keychain was asked for and keeps nothing.
 */
export async function newStore(
  place: SessionPlace,
  asked: SessionBackend | undefined,
  remembered: SessionBackend | undefined,
): Promise<{ readonly store: SessionStore; readonly fellBack: boolean }> {
  const wanted = asked ?? remembered;
  if (wanted === 'file') return { store: storeOf(place, 'file'), fellBack: false };
  if (await keychainWorks(place.openEntry)) {
    return { store: storeOf(place, 'keychain'), fellBack: false };
  }
  if (asked === undefined) return { store: storeOf(place, 'file'), fellBack: true };
  throw new AppError(
    'CAPABILITY_MISSING',
    'There is no keychain here that keeps what it is given; leave --store out, or use --store file.',
    { store: 'keychain' },
  );
}

/** Keeps a session and remembers where. One that lay elsewhere before is taken away there. */
export async function keepSession(
  place: SessionPlace,
  store: SessionStore,
  session: SessionTokens,
): Promise<void> {
  await store.write(session);
  let before: SessionBackend | undefined;
  await changeContexts(place.directory, (all) => {
    const context = all.contexts[place.context];
    if (!context) return all;
    before = context.session?.store;
    const signedIn = { ...context, session: { store: store.kind, member: session.member.name } };
    return { ...all, contexts: { ...all.contexts, [place.context]: signedIn } };
  });
  if (before !== undefined && before !== store.kind) {
    await storeOf(place, before)
      .clear()
      .catch(() => undefined);
  }
}

/**
 * Keeps renewed tokens. The old ones are worthless by now, so where the keychain fails they go to a file rather than to be lost.
 */
export async function keepRenewed(
  place: SessionPlace,
  store: SessionStore,
  session: SessionTokens,
  note: (line: string) => void,
): Promise<void> {
  try {
    await store.write(session);
  } catch (error) {
    if (store.kind === 'file') throw error;
    const file = storeOf(place, 'file');
    await keepSession(place, file, session);
    note(plainFileWarning(file));
  }
}

/** Forgets a session here: its tokens, and that there was one. */
export async function forgetSession(place: SessionPlace, store: SessionStore): Promise<void> {
  await store.clear();
  await changeContexts(place.directory, (all) => {
    const context = all.contexts[place.context];
    if (!context) return all;
    const { session: _, ...signedOut } = context;
    return { ...all, contexts: { ...all.contexts, [place.context]: signedOut } };
  });
}

/** Said once, when it is chosen for want of something better. */
export function plainFileWarning({ where }: SessionStore): string {
  return `Warning: no keychain works here, so the session is kept in ${where}, which only this user can read.`;
}

function storeOf({ directory, context, openEntry }: SessionPlace, kind: SessionBackend) {
  return kind === 'file'
    ? fileStore(directory, context)
    : keychainStore(directory, context, openEntry);
}
