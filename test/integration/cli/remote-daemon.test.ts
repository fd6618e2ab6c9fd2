import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type CliOptions, documentOf, runCli, startCli } from '../../support/cli.js';
import { type DaemonProcess, daemonProcess } from '../../support/daemon-process.js';
import { waitFor } from '../../support/wait-for.js';

const PASSWORD = 'canary-password-of-ana';

/** A field of a document, by its path. */
function at(document: unknown, ...keys: string[]): unknown {
  return keys.reduce<unknown>(
    (value, key) => new Map<string, unknown>(Object.entries(value ?? {})).get(key),
    document,
  );
}

// Goal: the real command against the real daemon over TLS, from an invitation to the end of a session.
describe('a daemon elsewhere', () => {
  let daemon: DaemonProcess;
  let client: string;
  const cli = (argv: readonly string[], options: CliOptions = {}) =>
    runCli(argv, { stateDir: client, ...options });
  const prod = (...argv: string[]) => cli([...argv, '--context', 'prod', '--json']);

  beforeAll(async () => {
    daemon = await daemonProcess({ env: { SYNTROPY_API_LISTEN: '127.0.0.1:0' } });
    client = await mkdtemp(path.join(os.tmpdir(), 'syntropy-remote-client-'));
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await rm(client, { recursive: true, force: true });
  });

  it('is known by the fingerprint that it shows on its own host', async () => {
    const status = documentOf(await daemon.cli('daemon', 'status', '--json'));
    const url = String(at(status, 'daemon', 'api', 'url'));
    const fingerprint = String(at(status, 'daemon', 'api', 'fingerprint'));
    const argv = ['context', 'add', 'prod', '--url', url, '--fingerprint', fingerprint, '--json'];
    expect(at(documentOf(await cli(argv)), 'context', 'trust')).toBe('ca');
    expect(at(documentOf(await prod('node', 'list')), 'error', 'code')).toBe('AUTH_REQUIRED');
  });

  it('lets in whoever has an invitation, once, and tells them who they are', async () => {
    const { stdout: invitation } = await daemon.cli('member', 'add', 'ana', '--role', 'member');
    const argv = ['login', '--context', 'prod', '--invitation-stdin', '--json'];
    const stdin = `${invitation.trim()}\n${PASSWORD}\n`;
    expect(at(documentOf(await cli(argv, { stdin })), 'session', 'member', 'name')).toBe('ana');
    expect(at(documentOf(await cli(argv, { stdin })), 'error', 'code')).toBe('INVITATION_INVALID');
    expect(at(documentOf(await prod('whoami')), 'caller')).toMatchObject({
      member: { name: 'ana' },
      via: 'session',
      roles: ['member'],
    });
  });

  it('does what they may, and refuses the rest with the status for that', async () => {
    expect((await prod('node', 'list')).status).toBe(0);
    expect((await prod('member', 'add', 'ben')).status).toBe(3);
    expect((await prod('daemon', 'stop')).status).toBe(3);
    const output = path.join(client, 'x.img');
    const create = await prod('node', 'create', '--name', 'x', '--output', output);
    expect(at(documentOf(create), 'error', 'code')).toBe('CAPABILITY_MISSING');
    expect([create.status, at(documentOf(create), 'error', 'hint')]).toEqual([
      8,
      expect.stringContaining('on that host itself'),
    ]);
  });

  it('serves a pipeline with a token, as far as its scopes go, until it is revoked', async () => {
    const made = await prod('token', 'create', 'ci', '--scope', 'nodes:read');
    const env = { SYNTROPY_TOKEN: String(at(documentOf(made), 'secret')) };
    const asPipeline = (line: string) =>
      cli([...line.split(' '), '--context', 'prod', '--json'], { env });
    expect((await asPipeline('node list')).status).toBe(0);
    expect((await asPipeline('member list')).status).toBe(3);
    expect((await prod('token', 'revoke', 'ci')).status).toBe(0);
    await waitFor('the token to be refused', async () => {
      return (await asPipeline('node list')).status === 3;
    });
  });

  it('acts as a member for whoever stands at its socket', async () => {
    const whoami = documentOf(await daemon.cli('whoami', '--as', 'ana', '--json'));
    expect(whoami).toMatchObject({
      caller: { member: { name: 'ana' }, actor: { name: 'admin' }, via: 'socket' },
    });
    expect((await daemon.cli('member', 'add', 'eve', '--as', 'ana')).status).toBe(3);
    expect((await daemon.cli('node', 'list', '--as', 'nobody')).status).toBe(4);
  });

  it('streams over TLS too', async () => {
    const watch = startCli(['node', 'list', '--watch', '--context', 'prod', '--json'], {
      stateDir: client,
    });
    let seen = '';
    watch.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await waitFor('the first list', () => seen.includes('"nodes":[]'));
    const image = path.join(daemon.home, 'far.img');
    await daemon.cli('node', 'create', '--name', 'far', '--output', image, '--owner', 'ana');
    await waitFor('the node', () => /"far".*"provisioned"/.test(seen));
    watch.kill('SIGINT');
    const { node } = documentOf(await prod('node', 'status', 'far'));
    expect(at(node, 'owner', 'name')).toBe('ana');
  });

  it('keeps its audit whole through all of it, and its log free of secrets', async () => {
    expect((await daemon.cli('audit', 'verify')).status).toBe(0);
    const logs = path.join(daemon.stateDir, 'logs');
    for (const file of await readdir(logs)) {
      const text = await readFile(path.join(logs, file), 'utf8');
      expect(text).not.toMatch(/canary|synref_|syninv_|synpat_|eyJ/);
    }
  });

  it('signs its tokens with a new key, and signs nobody out by it', async () => {
    expect((await daemon.cli('daemon', 'rotate-keys')).status).toBe(0);
    expect((await prod('whoami')).status).toBe(0);
  });

  it('ends a session for good', async () => {
    expect((await prod('logout')).status).toBe(0);
    expect(at(documentOf(await prod('whoami')), 'error', 'code')).toBe('AUTH_REQUIRED');
  });

  it('is stopped from elsewhere by who may, and the command waits for it', async () => {
    await daemon.cli('member', 'update', 'ana', '--role', 'admin');
    const stdin = `${PASSWORD}\n`;
    await cli(['login', '--context', 'prod', '--member', 'ana', '--password-stdin'], { stdin });
    expect((await prod('daemon', 'stop')).status).toBe(0);
    expect((await prod('whoami')).status).toBe(6);
  });
});
