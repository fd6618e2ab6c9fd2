import type { Column } from './table.js';

import {
  type Context,
  type Contexts,
  LOCAL_CONTEXT,
  type SessionBackend,
} from '../client/node/contexts.js';
import { fields } from './table.js';

/** A context as it is shown: never a certificate, never a token. */
export interface ShownContext {
  readonly name: string;
  /** Whether commands speak to it that are told nothing else. */
  readonly current: boolean;
  /** Absent: the local socket. */
  readonly url?: string;
  readonly trust?: Context['trust']['kind'];
  /** SHA-256 of what is pinned. */
  readonly fingerprint?: string;
  /** Who signed in, and where that session is kept. */
  readonly member?: string;
  readonly store?: SessionBackend;
}

/** Every context, the local one first. */
export function shownContexts({ current, contexts }: Contexts): readonly ShownContext[] {
  const chosen = current ?? LOCAL_CONTEXT;
  return [
    { name: LOCAL_CONTEXT, current: chosen === LOCAL_CONTEXT },
    ...Object.entries(contexts)
      .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
      .map(([name, context]) => shownContext(name, context, chosen === name)),
  ];
}

export function shownContext(name: string, context: Context, current: boolean): ShownContext {
  const { url, trust, session } = context;
  return {
    name,
    current,
    url,
    trust: trust.kind,
    ...('fingerprint' in trust ? { fingerprint: trust.fingerprint } : {}),
    ...session,
  };
}

const TRUST = {
  system: 'public authorities',
  ca: 'pinned authority',
  leaf: 'pinned certificate',
  none: 'none (http)',
} as const;

export const contextColumns: readonly Column<ShownContext>[] = [
  { title: 'NAME', value: ({ name, current }) => (current ? `${name} *` : name) },
  { title: 'URL', value: ({ url }) => url ?? 'local socket' },
  { title: 'TRUST', value: ({ trust }) => (trust === undefined ? '' : TRUST[trust]) },
  { title: 'MEMBER', value: ({ member }) => member ?? '' },
];

/** All that is known of one context, a line each. */
export function describeContext({ name, url, trust, fingerprint, member }: ShownContext): string {
  return fields([
    ['Context', name],
    ['Address', url],
    ['Trusted', trust && TRUST[trust]],
    ['SHA-256', fingerprint],
    ['Signed in', member],
  ]);
}
