import { changeContexts } from '../client/node/context-store.js';
import { rememberedStore } from '../client/node/context-sessions.js';
import {
  type Context,
  type Contexts,
  contextNamed,
  LOCAL_CONTEXT,
  readContexts,
} from '../client/node/contexts.js';
import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';

/** It is part of a file's name, and typed by people. */
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws {AppError} CONFIG_INVALID. */
export function knownContexts(directory: string): Contexts {
  return readContexts(directory);
}

/** @throws {AppError} NAME_INVALID, CONTEXT_NAME_TAKEN. */
export function requireFreeName({ contexts }: Pick<Contexts, 'contexts'>, name: string): void {
  if (!NAME.test(name)) {
    throw new AppError('NAME_INVALID', `${quoted(name)} cannot be the name of a context.`);
  }
  if (name !== LOCAL_CONTEXT && !Object.hasOwn(contexts, name)) return;
  throw new AppError('CONTEXT_NAME_TAKEN', `There is a context "${name}" already.`, {
    context: name,
  });
}

/** @throws {AppError} NAME_INVALID, CONTEXT_NAME_TAKEN. */
export async function addContext(
  directory: string,
  name: string,
  context: Context,
): Promise<Contexts> {
  return changeContexts(directory, (all) => {
    requireFreeName(all, name);
    return { ...all, contexts: { ...all.contexts, [name]: context } };
  });
}

/** Makes a context the one of commands that are told nothing else. @throws {AppError} CONTEXT_NOT_FOUND. */
export async function useContext(directory: string, name: string): Promise<Contexts> {
  return changeContexts(directory, ({ contexts }) => {
    if (name === LOCAL_CONTEXT) return { contexts };
    contextNamed({ contexts }, name);
    return { contexts, current: name };
  });
}

/**
 * Forgets a context, what was pinned for it, and the session. If it was the current one, that is the local daemon again.
 * @throws {AppError} CONTEXT_NOT_FOUND, USAGE_INVALID.
 */
export async function removeContext(directory: string, name: string): Promise<Context> {
  if (name === LOCAL_CONTEXT) {
    throw new AppError('USAGE_INVALID', `"${LOCAL_CONTEXT}" is always there.`, { context: name });
  }
  const context = contextNamed(readContexts(directory), name);
  // A keychain that cannot be opened any more is no reason to keep the context for ever.
  await rememberedStore({ directory, context: name }, context)
    ?.clear()
    .catch(() => undefined);
  await changeContexts(directory, ({ current, contexts }) => ({
    contexts: Object.fromEntries(Object.entries(contexts).filter(([other]) => other !== name)),
    ...(current === undefined || current === name ? {} : { current }),
  }));
  return context;
}
