import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { SessionTokens } from '../../../src/contract/schemas/member.js';

import {
  forgetSession,
  keepRenewed,
  keepSession,
  newStore,
  rememberedStore,
} from '../../../src/client/node/context-sessions.js';
import { changeContexts } from '../../../src/client/node/context-store.js';
import { contextNamed, readContexts } from '../../../src/client/node/contexts.js';
import { type OpenEntry, keychainStore } from '../../../src/client/node/keychain.js';
import { fixedCredentials, sessionCredentials } from '../../../src/client/node/session.js';
import { fileStore, type SessionStore } from '../../../src/client/node/session-store.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';
import { fakeKeychain } from '../../support/fake-keychain.js';

const NOW = Date.parse('2026-01-02T03:04:05.000Z');
const inSeconds = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();

const tokens = (name: string, livesForSeconds = 900): SessionTokens => ({
  accessToken: `access-${name}`,
  expiresAt: inSeconds(livesForSeconds),
  refreshToken: `refresh-${name}`,
  refreshExpiresAt: inSeconds(86_400),
  member: { id: '018f6e2a-0000-7000-8000-0000000000bb', name: 'ana' },
});

const ended = async (): Promise<never> => {
  throw new AppError('SESSION_ENDED', 'This session has ended.');
};

/** A client's directory with one context. */
async function clientDirectory(openEntry?: OpenEntry) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-client-'));
  const prod = { url: 'https://grid.example.org', trust: { kind: 'system' } } as const;
  await changeContexts(directory, (all) => ({ ...all, contexts: { prod } }));
  return {
    directory,
    place: { directory, context: 'prod', ...(openEntry ? { openEntry } : {}) },
    context: () => contextNamed(readContexts(directory), 'prod'),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A daemon's rotation of refresh tokens: each is good once, and a second use ends the session. */
function rotation(first: SessionTokens, livesForSeconds?: number) {
  let good = first.refreshToken;
  let over = false;
  let count = 0;
  return {
    get count() {
      return count;
    },
    refresh: async (refreshToken: string) => {
      if (over || refreshToken !== good) {
        over = true;
        return ended();
      }
      count += 1;
      const next = tokens(`${count}`, livesForSeconds);
      good = next.refreshToken;
      return next;
    },
  };
}

const credentialsOf = (
  directory: string,
  store: SessionStore,
  refresh: (token: string) => Promise<SessionTokens>,
) =>
  sessionCredentials({
    directory,
    context: 'prod',
    store,
    refresh,
    keep: (session) => store.write(session),
    now: () => NOW,
  });

describe('a session', () => {
  it('is used as it is while its token lives', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    await store.write(tokens('0'));
    expect(await credentialsOf(client.directory, store, ended).token()).toBe('access-0');
  });

  it('is renewed a while before its token ends, and kept', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    await store.write(tokens('0', 20));
    const daemon = rotation(tokens('0'));
    expect(await credentialsOf(client.directory, store, daemon.refresh).token()).toBe('access-1');
    expect(await store.read()).toMatchObject({ refreshToken: 'refresh-1' });
  });

  it('is renewed once by commands that run side by side, and none of them uses a token twice', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    await store.write(tokens('0', 0));
    const daemon = rotation(tokens('0'));
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        credentialsOf(client.directory, store, daemon.refresh).token(),
      ),
    );
    expect(new Set(answers)).toEqual(new Set(['access-1']));
    expect(daemon.count).toBe(1);
  });

  it('is renewed when the daemon refuses its token before its time, once by all of them', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    await store.write(tokens('0'));
    const daemon = rotation(tokens('0'));
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        credentialsOf(client.directory, store, daemon.refresh).renewed('access-0'),
      ),
    );
    expect(new Set(answers)).toEqual(new Set(['access-1']));
  });

  it('does not go on with a token that was refused', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    await store.write(tokens('0'));
    const daemon = rotation(tokens('0'));
    const credentials = credentialsOf(client.directory, store, daemon.refresh);
    expect(await credentials.token()).toBe('access-0');
    expect(await credentials.renewed('access-0')).toBe('access-1');
    expect(await credentials.token()).toBe('access-1');
  });

  it('goes on with what another machine left in the same home, where its own token lost', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    await store.write(tokens('0', 0));
    const credentials = credentialsOf(client.directory, store, async () => {
      await store.write(tokens('theirs'));
      return ended();
    });
    expect(await credentials.token()).toBe('access-theirs');
  });

  it('that has ended is forgotten, and said to have ended', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    await store.write(tokens('0', 0));
    const credentials = credentialsOf(client.directory, store, ended);
    await expect(credentials.token()).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    expect(await credentials.token()).toBeUndefined();
  });

  it('is kept when the daemon could not be asked', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    await store.write(tokens('0', 0));
    const credentials = credentialsOf(client.directory, store, async () => {
      throw new AppError('DAEMON_UNREACHABLE', 'It does not answer.');
    });
    await expect(credentials.token()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
    expect(await store.read()).toMatchObject({ refreshToken: 'refresh-0' });
  });

  it('that was signed out meanwhile is not renewed', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    expect(await credentialsOf(client.directory, store, ended).renewed('access-0')).toBeUndefined();
  });
});

describe('a session in a file', () => {
  it('can be read by its user alone, and never lies there by half', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    await store.write(tokens('0'));
    await store.write(tokens('1'));
    expect((await stat(store.where)).mode & 0o777).toBe(0o600);
    expect((await stat(path.dirname(store.where))).mode & 0o777).toBe(0o700);
    expect(await store.read()).toEqual(tokens('1'));
  });

  it('that is damaged is none', async () => {
    await using client = await clientDirectory();
    const store = fileStore(client.directory, 'prod');
    await store.write(tokens('0'));
    for (const text of ['', '{', '[]', '{"accessToken":"x"}']) {
      await writeFile(store.where, text);
      expect(await store.read()).toBeUndefined();
    }
  });
});

describe('where a session is kept', () => {
  it('is the keychain, if a canary lives there; nothing of the canary stays', async () => {
    const keychain = fakeKeychain();
    await using client = await clientDirectory(keychain.open);
    const { store, fellBack } = await newStore(client.place, undefined, undefined);
    expect([store.kind, fellBack]).toEqual(['keychain', false]);
    expect(keychain.entries.size).toBe(0);
  });

  it.each(['absent', 'locked', 'forgetful', 'garbling'] as const)(
    'is a file where the keychain is %s, and that is said',
    async (fault) => {
      await using client = await clientDirectory(fakeKeychain(fault).open);
      const { store, fellBack } = await newStore(client.place, undefined, undefined);
      expect([store.kind, fellBack]).toEqual(['file', true]);
    },
  );

  it('is not a file where the keychain was asked for', async () => {
    await using client = await clientDirectory(fakeKeychain('absent').open);
    await expect(newStore(client.place, 'keychain', undefined)).rejects.toMatchObject({
      code: 'CAPABILITY_MISSING',
    });
  });

  it('is where it was at the last login, without a word, unless something else is asked for', async () => {
    await using client = await clientDirectory(fakeKeychain().open);
    expect(await newStore(client.place, undefined, 'file')).toMatchObject({
      store: { kind: 'file' },
      fellBack: false,
    });
    expect(await newStore(client.place, 'keychain', 'file')).toMatchObject({
      store: { kind: 'keychain' },
    });
  });

  it('is remembered beside the context, with no token in it', async () => {
    const keychain = fakeKeychain();
    await using client = await clientDirectory(keychain.open);
    const { store } = await newStore(client.place, undefined, undefined);
    await keepSession(client.place, store, tokens('0'));
    expect(client.context().session).toEqual({ store: 'keychain', member: 'ana' });
    expect(await rememberedStore(client.place, client.context())?.read()).toEqual(tokens('0'));
    const text = await readFile(path.join(client.directory, 'contexts.json'), 'utf8');
    expect(text).not.toMatch(/access-|refresh-/);
    expect([...keychain.entries.values()].join()).toContain('refresh-0');
  });

  it('is one place only: what lay in the other is taken away', async () => {
    const keychain = fakeKeychain();
    await using client = await clientDirectory(keychain.open);
    const file = fileStore(client.directory, 'prod');
    await keepSession(client.place, file, tokens('0'));
    const chain = keychainStore(client.directory, 'prod', keychain.open);
    await keepSession(client.place, chain, tokens('1'));
    expect(await file.read()).toBeUndefined();
    await forgetSession(client.place, chain);
    expect(keychain.entries.size).toBe(0);
    expect(client.context().session).toBeUndefined();
  });

  it('changes to a file rather than to lose the only tokens that are good, and says so once', async () => {
    const keychain = fakeKeychain();
    await using client = await clientDirectory(keychain.open);
    const chain = keychainStore(client.directory, 'prod', keychain.open);
    await keepSession(client.place, chain, tokens('0'));
    keychain.fault = 'locked';
    const said: string[] = [];
    await keepRenewed(client.place, chain, tokens('1'), (line) => said.push(line));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(path.join(client.directory, 'sessions'));
    const now = rememberedStore(client.place, client.context());
    expect([now?.kind, await now?.read()]).toEqual(['file', tokens('1')]);
  });

  it('belongs to one directory: the same context of another has a session of its own', async () => {
    const keychain = fakeKeychain();
    await keychainStore('/home/ana', 'prod', keychain.open).write(tokens('0'));
    expect(await keychainStore('/home/ben', 'prod', keychain.open).read()).toBeUndefined();
  });
});

describe('a token from the environment', () => {
  it('is sent as it is, and nothing comes in its place', async () => {
    const credentials = fixedCredentials(' synpat_abc\n');
    expect(await credentials.token()).toBe('synpat_abc');
    expect(await credentials.renewed('synpat_abc')).toBeUndefined();
  });

  it('that could be no token is refused, and not shown', () => {
    const secret = 'synpat_x\r\nhost: evil';
    expect(() => fixedCredentials(secret)).toThrow('SYNTROPY_TOKEN');
    expect(() => fixedCredentials(secret)).not.toThrow('synpat_x');
  });
});
