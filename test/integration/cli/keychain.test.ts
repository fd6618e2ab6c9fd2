import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { runCli, runShell } from '../../support/cli.js';
import { missing } from '../../support/requirements.js';
import { scriptedServer } from '../../support/scripted-daemon.js';
import { CANARY, scriptedSession } from '../../support/scripted-session.js';

const LOGIN = `echo ${CANARY}-password | syntropy login --context prod --member ana --password-stdin`;

/** A daemon that can be signed in to, a client that knows it as `prod`, and a session bus of its own to run lines of bash on. */
async function onSessionBus(session = scriptedSession()) {
  const server = await scriptedServer(session.answers);
  await runCli(['context', 'add', 'prod', '--url', server.url], server);
  return Object.assign(server, {
    session,
    files: async () => {
      const sessions = path.join(server.stateDir, 'sessions');
      return existsSync(sessions)
        ? (await readdir(sessions)).filter((f) => f.endsWith('.json'))
        : [];
    },
    run: (script: string) =>
      runShell(`dbus-run-session -- bash -c '${script}' 2>&1 | grep -v ^dbus-daemon`, {
        ...server,
        env: { HOME: server.stateDir },
      }),
  });
}

const UNLOCKED = 'echo pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1';

// Goal: the real Secret Service, and each state of it that a headless machine was seen in.
describe.skipIf(missing('keyring'))('a session in the Secret Service', () => {
  it('is kept there without a warning, used, renewed, and taken away again', async () => {
    await using client = await onSessionBus(scriptedSession({ livesForMs: 0 }));
    const { stdout } = await client.run(
      `${UNLOCKED}; ${LOGIN} && syntropy whoami --context prod && syntropy logout --context prod; syntropy logout --context prod`,
    );
    expect(stdout).not.toContain('Warning');
    expect(stdout).toMatch(/Signed in[^]*a session[^]*Signed out[^]*Nobody is signed in/);
    expect(client.session.count).toBeGreaterThan(1);
    expect(await client.files()).toEqual([]);
  });

  it('falls back to a file where the keyring is locked, and asks nobody for its password', async () => {
    await using client = await onSessionBus();
    const { stdout } = await client.run(
      `gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1; ${LOGIN}`,
    );
    expect(stdout).toContain('Warning: no keychain works here');
    expect(stdout).toContain('Signed in');
    expect(await client.files()).toEqual(['session-prod.json']);
  });

  it('that cannot be read any more says what to do, and is not taken for none', async () => {
    await using client = await onSessionBus();
    await client.run(`${UNLOCKED}; ${LOGIN}`);
    const { stdout } = await client.run('syntropy whoami --context prod');
    expect(stdout).toContain('syntropy login --store file');
    const again = await client.run(
      `echo ${CANARY}-password | syntropy login --context prod --member ana --password-stdin --store file; syntropy whoami --context prod`,
    );
    expect(again.stdout).toMatch(/Signed in[^]*a session/);
  });
});
