import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { type CliOptions, documentOf, runCli, runOnTerminal } from '../../support/cli.js';
import {
  type Answers,
  nodeNamed,
  scriptedDaemon,
  scriptedServer,
} from '../../support/scripted-daemon.js';
import { CANARY, scriptedSession } from '../../support/scripted-session.js';

const PASSWORD = `${CANARY}-password`;
const LOGIN = ['login', '--context', 'prod', '--member', 'ana'];

/** A daemon that can be signed in to, and a client that knows it as `prod`. */
async function prod(session = scriptedSession(), answers: Answers = {}) {
  const server = await scriptedServer({
    ...session.answers,
    'nodes.list': ({ headers }) => {
      if (headers.authorization === undefined) throw new AppError('AUTH_REQUIRED', 'No token.');
      return { nodes: [nodeNamed('far')] };
    },
    ...answers,
  });
  await runCli(['context', 'add', 'prod', '--url', server.url], server);
  return Object.assign(server, {
    session,
    cli: (argv: readonly string[], options: CliOptions = {}) =>
      runCli(argv, { stateDir: server.stateDir, ...options }),
    login: () =>
      runCli([...LOGIN, '--password-stdin', '--json'], { ...server, stdin: `${PASSWORD}\n` }),
  });
}

describe('login', () => {
  it('keeps the session for later commands, and shows no token', async () => {
    await using server = await prod();
    const login = await server.login();
    expect(documentOf(login)).toMatchObject({
      session: { context: 'prod', member: { name: 'ana' }, store: 'file' },
    });
    expect(login.stdout + login.stderr).not.toContain(CANARY);
    const list = await server.cli(['node', 'list', '--context', 'prod']);
    expect([list.stderr, list.status]).toEqual(['', 0]);
    expect(server.calls.at(-1)?.headers.authorization).toBe(`Bearer ${CANARY}.access.1`);
  });

  it('warns once that the session lies in a file, and names it', async () => {
    await using server = await prod();
    const first = await server.login();
    expect(first.stderr.trim().split('\n')).toHaveLength(1);
    const file = path.join(server.stateDir, 'sessions', 'session-prod.json');
    expect(first.stderr).toContain(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await server.login()).stderr).toBe('');
  });

  it('says nothing of it where a file was asked for', async () => {
    await using server = await prod();
    const argv = [...LOGIN, '--password-stdin', '--store', 'file'];
    const { stderr, status } = await server.cli(argv, { stdin: PASSWORD });
    expect([stderr, status]).toEqual(['', 0]);
  });

  it('signs nobody in where the keychain that was asked for keeps nothing', async () => {
    await using server = await prod();
    const argv = [...LOGIN, '--password-stdin', '--store', 'keychain'];
    const env = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere' };
    const { status } = await server.cli(argv, { stdin: PASSWORD, env });
    expect(status).toBe(8);
    expect(server.session.open).toBe(false);
  });

  it('asks a person, and shows nothing of what they type', async () => {
    await using server = await prod();
    const { stdout, status } = await runOnTerminal(['login', '--context', 'prod'], {
      ...server,
      typed: [
        { after: /Member:/, text: 'ana\r' },
        { after: /Password:/, text: `${PASSWORD}\r` },
      ],
    });
    expect(status).toBe(0);
    expect(stdout).toContain('Signed in to prod as ana.');
    expect(stdout).not.toContain(CANARY);
  });

  it('asks nobody where there is nobody, and names the flag', async () => {
    await using server = await prod();
    for (const [argv, flag] of [
      [['login', '--context', 'prod'], '--member'],
      [LOGIN, '--password-stdin'],
      [[...LOGIN, '--json'], '--password-stdin'],
    ] as const) {
      const { status, stdout, stderr } = await server.cli(argv);
      expect(status).toBe(2);
      expect(stdout + stderr).toContain(flag);
    }
  });

  it('redeems an invitation, with the password that is set by it', async () => {
    await using server = await prod();
    const argv = ['login', '--context', 'prod', '--invitation-stdin', '--json'];
    const login = await server.cli(argv, { stdin: `syninv_${CANARY}\r\n${PASSWORD}\r\n` });
    expect(documentOf(login)).toMatchObject({ session: { member: { name: 'ana' } } });
    expect(server.calls.at(-1)?.body).toMatchObject({
      invitation: `syninv_${CANARY}`,
      password: PASSWORD,
    });
    expect((await server.cli(argv, { stdin: `syninv_${CANARY}\n` })).status).toBe(2);
  });

  it('takes a new password only when it was typed twice alike', async () => {
    await using server = await prod();
    const { status } = await runOnTerminal(['login', '--context', 'prod', '--invitation-stdin'], {
      ...server,
      typed: [
        { after: /Invitation:/, text: `syninv_${CANARY}\r` },
        { after: /New password/, text: `${PASSWORD}\r` },
        { after: /same again:/, text: 'something-else\r' },
      ],
    });
    expect(status).toBe(2);
    expect(server.session.open).toBe(false);
  });

  it('fails as the daemon says, and keeps nothing', async () => {
    await using server = await prod();
    const { status, stderr } = await server.cli([...LOGIN, '--password-stdin', '--store', 'file'], {
      stdin: 'wrong-password',
    });
    expect(status).toBe(3);
    expect(stderr).not.toContain('wrong-password');
    expect((await server.cli(['node', 'list', '--context', 'prod'])).status).toBe(3);
  });

  it('is not for the local socket, and says so', async () => {
    expect((await runCli(['login', '--member', 'ana'])).status).toBe(2);
    expect((await runCli(['logout'])).status).toBe(2);
  });
});

describe('a session', () => {
  it('is renewed by commands, once by those that run side by side', async () => {
    await using server = await prod(scriptedSession({ livesForMs: 1000 }));
    await server.login();
    const list = ['node', 'list', '--context', 'prod'];
    const lists = await Promise.all(Array.from({ length: 4 }, () => server.cli(list)));
    expect(lists.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect(server.session.open).toBe(true);
  });

  it('that the daemon has ended is over, and the next command says how to begin one', async () => {
    await using server = await prod(scriptedSession({ livesForMs: 0 }));
    await server.login();
    server.session.end();
    const first = await server.cli(['node', 'list', '--context', 'prod', '--json']);
    expect(documentOf(first)).toMatchObject({ error: { code: 'SESSION_ENDED' } });
    const next = await server.cli(['node', 'list', '--context', 'prod', '--json']);
    expect(documentOf(next)).toMatchObject({ error: { code: 'AUTH_REQUIRED' } });
    expect([first.status, next.status]).toEqual([3, 3]);
  });

  it('gives way to SYNTROPY_TOKEN', async () => {
    await using server = await prod();
    await server.login();
    const env = { SYNTROPY_TOKEN: `synpat_${CANARY}` };
    const whoami = await server.cli(['whoami', '--context', 'prod', '--json'], { env });
    expect(documentOf(whoami)).toMatchObject({ caller: { via: 'token', context: 'prod' } });
    expect(server.calls.at(-1)?.headers.authorization).toBe(`Bearer synpat_${CANARY}`);
  });

  it('leaves no secret in the contexts, nor in what a command prints when it fails', async () => {
    await using server = await prod();
    await server.login();
    const contexts = await readFile(path.join(server.stateDir, 'contexts.json'), 'utf8');
    expect(contexts).not.toContain(CANARY);
    await server.close();
    const failed = await server.cli(['whoami', '--context', 'prod'], { env: { DEBUG: '*' } });
    expect(failed.status).toBe(6);
    expect(failed.stdout + failed.stderr).not.toContain(CANARY);
  });
});

describe('logout', () => {
  it('ends the session at the daemon, and forgets it here', async () => {
    await using server = await prod();
    await server.login();
    const env = { SYNTROPY_TOKEN: `synpat_${CANARY}` };
    const logout = await server.cli(['logout', '--context', 'prod', '--json'], { env });
    expect(documentOf(logout)).toMatchObject({ session: { context: 'prod', ended: true } });
    expect(server.session.open).toBe(false);
    expect(await readdir(path.join(server.stateDir, 'sessions'))).not.toContain(
      'session-prod.json',
    );
    const again = await server.cli(['logout', '--context', 'prod', '--json']);
    expect(documentOf(again)).toMatchObject({ session: { ended: false } });
  });

  it('forgets it here also where the daemon cannot be told, and says so', async () => {
    await using server = await prod();
    await server.login();
    await server.close();
    const { status, stderr } = await server.cli(['logout', '--context', 'prod']);
    expect(status).toBe(0);
    expect(stderr).toContain('could not be told');
    expect(await readdir(path.join(server.stateDir, 'sessions'))).not.toContain(
      'session-prod.json',
    );
  });
});

describe('over the local socket', () => {
  it('a command is who it says with --as', async () => {
    await using daemon = await scriptedDaemon({ 'nodes.list': () => ({ nodes: [] }) });
    await runCli(['node', 'list'], daemon);
    await runCli(['--as', 'ana', 'node', 'list'], daemon);
    expect(daemon.calls.map(({ headers }) => headers['syntropy-as'])).toEqual([undefined, 'ana']);
  });

  it('no token is ever sent', async () => {
    await using daemon = await scriptedDaemon({ 'nodes.list': () => ({ nodes: [] }) });
    await runCli(['node', 'list'], { ...daemon, env: { SYNTROPY_TOKEN: `synpat_${CANARY}` } });
    expect(JSON.stringify(daemon.calls)).not.toContain(CANARY);
  });
});
