import { readFileSync } from 'node:fs';
import path from 'node:path';

import { AppError } from '../../core/types/errors/app-error.js';
import { errorCode } from '../../core/types/errors/error-code.js';

/** Why a server is believed to be the one that was meant. */
export type Trust =
  /** Its certificate is publicly trusted and carries the name in the address. */
  | { readonly kind: 'system' }
  /** Signed by this authority and no other, for `serverName`. */
  | {
      readonly kind: 'ca';
      readonly certificate: string;
      readonly fingerprint: string;
      readonly serverName: string;
    }
  /** This very certificate. */
  | { readonly kind: 'leaf'; readonly certificate: string; readonly fingerprint: string }
  /** Plain HTTP: nothing is known of it. */
  | { readonly kind: 'none' };

/** Where the tokens of a session are kept. */
export type SessionBackend = 'keychain' | 'file';

/** A daemon that is somewhere else, and who signed in there. */
export interface Context {
  readonly url: string;
  readonly trust: Trust;
  readonly session?: { readonly store: SessionBackend; readonly member: string };
}

export interface Contexts {
  /** Absent: the local socket. */
  readonly current?: string;
  readonly contexts: Readonly<Record<string, Context>>;
}

/** The context that is always there: the daemon of this machine, through its socket. */
export const LOCAL_CONTEXT = 'local';
export const CONTEXTS_FILE = 'contexts.json';

/**
 * Reads the contexts of a user. On the path of every command, so nothing is loaded for it; `context-store.ts` writes them.
 * @throws {AppError} CONFIG_INVALID for a file that is not understood: to go on with the local daemon instead would be worse.
 */
export function readContexts(directory: string): Contexts {
  const file = path.join(directory, CONTEXTS_FILE);
  const text = textOf(file);
  if (text === undefined) return { contexts: {} };
  const parsed = parse(text);
  if (isContexts(parsed)) return parsed;
  throw new AppError('CONFIG_INVALID', `${file} is damaged; remove it, or bring it back.`, {
    file,
  });
}

/**
 * The context that a command speaks to: the flag, then SYNTROPY_CONTEXT, then the current one. Undefined: the local daemon.
 * @throws {AppError} CONTEXT_NOT_FOUND, CONFIG_INVALID.
 */
export function chosenContext(
  directory: string,
  flag: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): (Context & { readonly name: string }) | undefined {
  const asked = flag ?? (env['SYNTROPY_CONTEXT'] || undefined);
  if (asked === LOCAL_CONTEXT) return undefined;
  const { current, contexts } = readContexts(directory);
  const name = asked ?? current;
  return name === undefined || name === LOCAL_CONTEXT
    ? undefined
    : { name, ...contextNamed({ contexts }, name) };
}

/** @throws {AppError} CONTEXT_NOT_FOUND. */
export function contextNamed({ contexts }: Pick<Contexts, 'contexts'>, name: string): Context {
  const context = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (context) return context;
  throw new AppError('CONTEXT_NOT_FOUND', `There is no context "${name}".`, { context: name });
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new AppError('CONFIG_INVALID', `${file} cannot be read (${String(code)}).`, { file });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isContexts(value: unknown): value is Contexts {
  if (!isObject(value) || !isObject(value['contexts'])) return false;
  const { current, contexts } = value;
  return (
    (current === undefined || typeof current === 'string') &&
    Object.values(contexts).every((context) => isContext(context))
  );
}

function isContext(value: unknown): boolean {
  if (!isObject(value) || typeof value['url'] !== 'string' || !isTrust(value['trust']))
    return false;
  const { session } = value;
  return (
    session === undefined ||
    (isObject(session) && (session['store'] === 'keychain' || session['store'] === 'file'))
  );
}

/** A pin that is not understood must never be taken for none. */
function isTrust(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { kind, certificate, serverName } = value;
  if (kind === 'ca') return typeof certificate === 'string' && typeof serverName === 'string';
  return kind === 'leaf' ? typeof certificate === 'string' : kind === 'system' || kind === 'none';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
