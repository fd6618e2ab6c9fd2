import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { GRID_SERVER_NAME } from '../../../src/contract/grid.js';
import { testAuthority } from '../../support/certificates.js';
import { documentOf, runCli, runOnTerminal } from '../../support/cli.js';
import { nodeNamed, type ServerIdentity, scriptedServer } from '../../support/scripted-daemon.js';
import { scriptedSession } from '../../support/scripted-session.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';

const daemonAt = (identity?: ServerIdentity) =>
  scriptedServer(
    { ...scriptedSession().answers, 'nodes.list': () => ({ nodes: [nodeNamed('far')] }) },
    identity,
  );

const grid = async () => {
  const authority = await testAuthority();
  return { authority, identity: await authority.issue(['host', GRID_SERVER_NAME]) };
};

const add = (url: string, ...flags: string[]) => ['context', 'add', 'prod', '--url', url, ...flags];

describe('context add', () => {
  it('asks nobody where there is nobody: it shows the fingerprint and wants it back', async () => {
    const { authority, identity } = await grid();
    await using server = await daemonAt(identity);
    const asked = await runCli(add(server.url, '--json'), server);
    expect(asked.status).toBe(2);
    expect(documentOf(asked)).toMatchObject({
      error: {
        code: 'CONFIRMATION_REQUIRED',
        details: { fingerprint: authority.fingerprint, flag: '--fingerprint' },
      },
    });
    const given = await runCli(
      add(server.url, '--fingerprint', authority.fingerprint, '--json'),
      server,
    );
    expect(documentOf(given)).toMatchObject({
      context: { name: 'prod', trust: 'ca', fingerprint: authority.fingerprint, current: false },
    });
    const list = await runCli(['--context', 'prod', 'node', 'list'], server);
    expect([list.stderr, list.status]).toEqual(['', 0]);
    expect(list.stdout).toContain('far');
  });

  it('asks a person, and takes anything but yes for no', async () => {
    const { authority, identity } = await grid();
    await using server = await daemonAt(identity);
    const typed = (text: string) => ({ ...server, typed: [{ after: /right one\?/, text }] });
    const no = await runOnTerminal(add(server.url), typed('\r'));
    expect(no.status).toBe(130);
    expect(no.stdout).toContain(authority.fingerprint);
    expect((await runOnTerminal(add(server.url), typed('y\r'))).status).toBe(0);
  });

  it('refuses a server with another fingerprint, and keeps nothing of it', async () => {
    const { identity } = await grid();
    await using server = await daemonAt(identity);
    const refused = await runCli(add(server.url, '--fingerprint', 'ab'.repeat(32)), server);
    expect(refused.status).toBe(5);
    const list = documentOf(await runCli(['context', 'list', '--json'], server));
    expect(list['contexts']).toEqual([{ name: 'local', current: true }]);
  });

  it('trusts what a given authority has signed, and nothing else', async () => {
    const { authority, identity } = await grid();
    await using server = await daemonAt(identity);
    const file = path.join(server.stateDir, 'ca.pem');
    await writeFile(file, authority.certificate);
    expect(documentOf(await runCli(add(server.url, '--ca-file', file, '--json'), server))).toEqual(
      expect.objectContaining({
        context: expect.objectContaining({ fingerprint: authority.fingerprint, trust: 'ca' }),
      }),
    );
    const other = await testAuthority();
    await writeFile(file, other.certificate);
    const argv = ['context', 'add', 'two', '--url', server.url, '--ca-file', file];
    expect((await runCli(argv, server)).status).toBe(5);
  });

  it('says when something else than a daemon answers', async () => {
    await using server = await scriptedServer({
      'keys.list': (_, response) => void response.end('<html>'),
    });
    const { status, stderr } = await runCli(add(server.url), server);
    expect(status).toBe(2);
    expect(stderr).toContain('not as a Syntropy daemon does');
  });

  it.each([
    ['an address of another kind', ['ftp://host'], 2],
    ['a password in the address', ['https://ana:canary@host'], 2],
    ['http to another machine', ['http://192.0.2.1:8080'], 2],
    ['a fingerprint that is none', ['https://127.0.0.1:1', '--fingerprint', 'abc'], 2],
    ['an address where nobody listens', ['https://127.0.0.1:1', '--yes'], 6],
  ])('refuses %s', async (_, [url = '', ...flags], status) => {
    const result = await runCli(add(url, ...flags));
    expect(result.status).toBe(status);
    expect(result.stderr).not.toContain('canary');
  });

  it('loses none to another that is added at the same time', async () => {
    await using server = await daemonAt();
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await Promise.all(
      names.map((name) => runCli(['context', 'add', name, '--url', server.url], server)),
    );
    const { contexts } = documentOf(await runCli(['context', 'list', '--json'], server));
    expect(JSON.stringify(contexts).match(/"name":"[a-f]"/g)).toHaveLength(names.length);
  });

  it('takes no name twice, and none that a path could be made of', async () => {
    await using server = await daemonAt();
    expect((await runCli(add(server.url), server)).status).toBe(0);
    expect((await runCli(add(server.url), server)).status).toBe(5);
    for (const [name, status] of [
      ['local', 5],
      ['../x', 2],
      ['A', 2],
    ] as const) {
      const argv = ['context', 'add', name, '--url', server.url];
      expect((await runCli(argv, server)).status).toBe(status);
    }
  });
});

describe('a context', () => {
  it('is spoken to from `context use` on, until another is named', async () => {
    await using server = await daemonAt();
    await runCli(add(server.url), server);
    expect((await runCli(['node', 'list'], server)).status).toBe(6);
    expect((await runCli(['context', 'use', 'prod'], server)).status).toBe(0);
    expect((await runCli(['node', 'list'], server)).stdout).toContain('far');
    expect((await runCli(['node', 'list', '--context', 'local'], server)).status).toBe(6);
    const env = { SYNTROPY_CONTEXT: 'local' };
    expect((await runCli(['node', 'list'], { ...server, env })).status).toBe(6);
    expect((await runCli(['context', 'list'], server)).stdout).toMatch(/^prod \*/m);
  });

  it('that is removed is spoken to no more, and the local daemon is again', async () => {
    await using server = await daemonAt();
    await runCli(add(server.url), server);
    await runCli(['context', 'use', 'prod'], server);
    expect((await runCli(['context', 'remove', 'prod'], server)).status).toBe(0);
    expect((await runCli(['node', 'list', '--context', 'prod'], server)).status).toBe(4);
    const list = await runCli(['node', 'list'], server);
    expect(list.stderr).toContain('The daemon is not running.');
  });

  it('that there is not is a failure of its own, and nothing else is spoken to', async () => {
    await using server = await daemonAt();
    for (const argv of [
      ['node', 'list', '--context', 'x'],
      ['context', 'use', 'x'],
    ]) {
      expect((await runCli(argv, server)).status).toBe(4);
    }
    expect(server.calls).toEqual([]);
  });

  it('whose server has changed is not spoken to', async () => {
    const { authority, identity } = await grid();
    const thief = await (await testAuthority()).issue([GRID_SERVER_NAME]);
    await using server = await daemonAt(identity);
    await runCli(add(server.url, '--fingerprint', authority.fingerprint), server);
    await server.close();
    await using other = await scriptedServer({}, thief, { port: server.port });
    const { status, stderr } = await runCli(['node', 'list', '--context', 'prod'], server);
    expect(status).toBe(5);
    expect(stderr).toContain('does not prove');
    expect(other.calls).toEqual([]);
  });

  it('that does not answer says so, and not how to start a daemon here', async () => {
    await using server = await daemonAt();
    await runCli(add(server.url), server);
    await server.close();
    const { status, stderr } = await runCli(['node', 'list', '--context', 'prod'], server);
    expect(status).toBe(6);
    expect(stderr).toContain(server.url);
    expect(stderr).not.toContain('daemon start');
  });

  it('is never changed by what is done to this machine', async () => {
    await using server = await daemonAt();
    await runCli(add(server.url), server);
    await runCli(['context', 'use', 'prod'], server);
    for (const line of [
      'daemon logs',
      'daemon start',
      'config set log.level debug',
      'config list',
    ]) {
      const result = await runCli([...line.split(' '), '--json'], server);
      expect(result.status).toBe(8);
      expect(documentOf(result)).toMatchObject({ error: { details: { context: 'prod' } } });
    }
    const local = ['config', 'set', 'log.level', 'debug', '--context', 'local'];
    expect((await runCli(local, server)).status).toBe(0);
    expect(await readFile(path.join(server.stateDir, 'config.toml'), 'utf8')).toContain('debug');
  });

  it('says where to go for what needs the drives of its host', async () => {
    await using server = await scriptedServer({
      'keys.list': () => ({ keys: [] }),
      'drives.list': () => {
        throw new AppError('CAPABILITY_MISSING', 'This needs the drives of the host.');
      },
    });
    await runCli(add(server.url), server);
    const result = await runCli(['usb', 'list', '--context', 'prod'], server);
    expect(result.status).toBe(8);
    expect(result.stderr).toContain(`Run the command on that host itself (${server.url}).`);
  });

  it('is looked at by doctor, without what is about the drives of this machine', async () => {
    await using server = await daemonAt();
    await runCli(add(server.url), server);
    await server.close();
    const result = await runCli(['doctor', '--context', 'prod', '--json'], server);
    expect(result.status).toBe(1);
    const names = JSON.stringify(documentOf(result)['checks']).match(/"name":"[^"]+"/g);
    expect(names).toEqual([
      '"name":"runtime"',
      '"name":"state directory"',
      '"name":"configuration"',
      '"name":"daemon"',
    ]);
    expect(result.stdout).toContain(server.url);
  });

  it('that is chosen against the environment is not spoken to, which is said', async () => {
    await using server = await daemonAt();
    await runCli(add(server.url), server);
    const env = { SYNTROPY_CONTEXT: 'local' };
    const { stderr } = await runCli(['context', 'use', 'prod'], { ...server, env });
    expect(stderr).toContain('SYNTROPY_CONTEXT is set, and local wins');
  });

  it('is a place for one’s own name only: --as is for the socket', async () => {
    await using server = await daemonAt();
    await runCli(add(server.url), server);
    const argv = ['node', 'list', '--context', 'prod', '--as', 'ana'];
    expect((await runCli(argv, server)).status).toBe(2);
  });
});

describe('daemon stop over a context', () => {
  it('waits until the daemon answers no more', async () => {
    let asked = 0;
    const daemon = {
      id: '018f6e2a-0000-7000-8000-0000000000dd',
      startedAt: '2026-01-02T03:04:05.000Z',
    };
    await using server = await scriptedServer({
      'keys.list': () => ({ keys: [] }),
      // Only what is read of it.
      'daemon.get': (_, response) => {
        asked += 1;
        if (asked > 3) response.destroy();
        else response.end(JSON.stringify(daemon));
        return undefined;
      },
      'daemon.stop': () => ({ pid: 4242, interrupted: 0 }),
    });
    await runCli(add(server.url), server);
    const stop = await runCli(['daemon', 'stop', '--context', 'prod', '--json'], server);
    expect(stop.status).toBe(0);
    expect(documentOf(stop)).toMatchObject({ daemon: { running: false, pid: 4242 } });
    expect(asked).toBe(4);
  });

  it('does not take a broken network for a daemon that does not run', async () => {
    await using server = await scriptedServer({
      'keys.list': () => ({ keys: [] }),
      'daemon.get': (_, response) => void response.end('{}'),
      'daemon.stop': (_, response) => void response.destroy(),
    });
    await runCli(add(server.url), server);
    const stop = ['daemon', 'stop', '--context', 'prod'];
    expect((await runCli(stop, server)).status).toBe(6);
    await server.close();
    expect((await runCli(stop, server)).status).toBe(6);
  });
});
