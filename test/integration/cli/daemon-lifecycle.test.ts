import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { documentOf, ended } from '../../support/cli.js';
import { type DaemonProcess, daemonProcess } from '../../support/daemon-process.js';
import { waitFor } from '../../support/wait-for.js';

/** Collects what a command prints while it runs. */
function outputOf(child: ReturnType<DaemonProcess['begin']>): { text: string } {
  const output = { text: '' };
  child.stdout?.on('data', (chunk: Buffer) => (output.text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output.text += chunk.toString()));
  return output;
}

describe('a daemon, driven by its commands', () => {
  let daemon: DaemonProcess;
  beforeAll(async () => {
    daemon = await daemonProcess();
  });
  afterAll(() => daemon[Symbol.asyncDispose]());

  it('says that it runs, and where', async () => {
    expect(documentOf(await daemon.cli('daemon', 'status', '--json'))).toMatchObject({
      schemaVersion: 1,
      daemon: { pid: daemon.pid, stateDir: daemon.stateDir, database: { kind: 'embedded' } },
    });
  });

  it('is not started twice', async () => {
    const second = await daemon.cli('daemon', 'start', '--json');
    expect(second.status).toBe(5);
    expect(documentOf(second)).toMatchObject({ error: { code: 'DAEMON_ALREADY_RUNNING' } });
    expect((await daemon.cli('daemon', 'run')).status).toBe(5);
    expect(documentOf(await daemon.cli('daemon', 'status', '--json'))).toMatchObject({
      daemon: { pid: daemon.pid },
    });
  });

  it('finds nothing wrong with itself', async () => {
    const doctor = await daemon.cli('doctor', '--json');
    expect(doctor.status).toBe(0);
    expect(documentOf(doctor)['checks']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'daemon', status: 'ok' }),
        expect.objectContaining({ name: 'version', status: 'ok' }),
        expect.objectContaining({ name: 'database', status: 'ok' }),
        expect.objectContaining({ name: 'state directory', status: 'ok' }),
      ]),
    );
  });

  it('shows its log, and goes on showing it', async () => {
    expect((await daemon.cli('daemon', 'logs')).stdout).toMatch(/ INFO {2}ready /);
    const follow = daemon.begin('daemon', 'logs', '--follow', '--lines', '0', '--json');
    const output = outputOf(follow);
    const end = ended(follow);
    // Its first lines may come before it follows, so the daemon is asked until it shows.
    await waitFor('a line in the log', async () => {
      await daemon.cli('node', 'list');
      return output.text.includes('/v1/nodes');
    });
    follow.kill('SIGINT');
    expect((await end).status).toBe(130);
    const lines = output.text.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).schemaVersion)).toEqual(lines.map(() => 1));
  });

  it('keeps a node from its making to its end', async () => {
    const image = path.join(daemon.home, 'node-01.img');
    const labels = ['--label', 'site=attic'];
    const argv = ['node', 'create', '--name', 'node-01', '--output', image, ...labels, '--json'];
    const made = await daemon.cli(...argv);
    expect(documentOf(made)).toMatchObject({
      node: { name: 'node-01', status: 'provisioned', labels: { site: 'attic' } },
      operation: { status: 'succeeded' },
    });
    expect((await daemon.cli('node', 'wait', 'node-01', '--for', 'provisioned')).status).toBe(0);

    const change = ['node', 'update', 'node-01', '--name', 'node-02', '--label', 'site-', '--json'];
    const renamed = await daemon.cli(...change);
    expect(documentOf(renamed)).toMatchObject({ node: { name: 'node-02', labels: {} } });
    expect((await daemon.cli('node', 'status', 'node-01')).status).toBe(4);

    const deleted = await daemon.cli('node', 'delete', 'node-02', '--yes', '--json');
    expect(documentOf(deleted)).toMatchObject({
      outcome: expect.stringMatching(/removed|retired/),
    });
    expect(documentOf(await daemon.cli('node', 'list', '--json'))['nodes']).toEqual([]);
  });

  it('shows a list again after every change', async () => {
    const watch = daemon.begin('node', 'list', '--watch', '--json');
    const output = outputOf(watch);
    const end = ended(watch);
    await waitFor('the first list', () => output.text.includes('"nodes":[]'));
    const image = path.join(daemon.home, 'watched.img');
    await daemon.cli('node', 'create', '--name', 'watched', '--output', image);
    await waitFor('the node in the list', () => /"watched".*"provisioned"/.test(output.text));
    watch.kill('SIGINT');
    expect((await end).status).toBe(130);
    await daemon.cli('node', 'delete', 'watched', '--yes');
  });

  it('lists nodes by columns, filter and order', async () => {
    for (const name of ['n-2', 'n-10', 'other']) {
      const image = path.join(daemon.home, `${name}.img`);
      await daemon.cli('node', 'create', '--name', name, '--output', image);
    }
    const list = async (...flags: string[]) =>
      (await daemon.cli('node', 'list', '--columns', 'name', ...flags)).stdout
        .split('\n')
        .slice(1, -1);
    expect(await list()).toEqual(['n-2', 'n-10', 'other']);
    expect(await list('--sort', '-name')).toEqual(['other', 'n-10', 'n-2']);
    expect(await list('--filter', 'name=n-')).toEqual(['n-2', 'n-10']);
    expect(await list('--status', 'failed')).toEqual([]);
    expect((await daemon.cli('node', 'list', '--sort', 'colour')).status).toBe(2);
    for (const name of ['n-2', 'n-10', 'other']) await daemon.cli('node', 'delete', name, '--yes');
  });

  it('makes the same node once for the same key', async () => {
    const image = path.join(daemon.home, 'once.img');
    const argv = ['node', 'create', '--name', 'once', '--output', image, '--detach', '--json'];
    const begun = documentOf(await daemon.cli(...argv, '--idempotency-key', 'k-1'));
    await daemon.cli('node', 'wait', 'once', '--for', 'provisioned', '--timeout', '30s');
    const again = await daemon.cli(...argv, '--idempotency-key', 'k-1');
    expect(documentOf(again)).toEqual(begun);
    expect((await daemon.cli(...argv, '--idempotency-key', 'k-2')).status).toBe(5);
    const operation = new Map(Object.entries(begun['operation'] ?? {}));
    const shown = await daemon.cli('operation', 'wait', String(operation.get('id')), '--json');
    expect(documentOf(shown)).toMatchObject({ operation: { status: 'succeeded' } });
    expect(documentOf(await daemon.cli('node', 'list', '--json'))['nodes']).toHaveLength(1);
    await daemon.cli('node', 'delete', 'once', '--yes');
  });

  it('reads its configuration at its next start, and refuses one that does not fit', async () => {
    expect((await daemon.cli('config', 'set', 'log.level', 'debug')).status).toBe(0);
    const file = path.join(daemon.stateDir, 'config.toml');
    const good = await readFile(file, 'utf8');
    await daemon.cli('daemon', 'stop');
    await writeFile(file, `${good}\n[log2]\nlevel = "x"\n`);
    const refused = await daemon.cli('daemon', 'start', '--json');
    expect(refused.status).toBe(2);
    expect(documentOf(refused)).toMatchObject({
      error: { code: 'CONFIG_INVALID', details: { key: 'log2.level' } },
    });
    expect((await daemon.cli('doctor')).status).toBe(1);
    await writeFile(file, good);
    await daemon.restart();
    expect(documentOf(await daemon.cli('config', 'get', 'log.level', '--json'))).toMatchObject({
      setting: { value: 'debug', source: 'file' },
    });
  });

  it('is brought back from a backup, which replaces nothing unasked', async () => {
    const file = path.join(daemon.home, 'syntropy.backup');
    const image = path.join(daemon.home, 'kept.img');
    await daemon.cli('node', 'create', '--name', 'kept', '--output', image);
    const backup = await daemon.cli('daemon', 'backup', file, '--json');
    expect(documentOf(backup)).toMatchObject({ backup: { path: file } });
    expect((await daemon.cli('daemon', 'backup', file)).status).toBe(5);
    expect((await daemon.cli('daemon', 'backup', file, '--yes')).status).toBe(0);
    await daemon.cli('node', 'delete', 'kept', '--yes');

    expect((await daemon.cli('daemon', 'restore', file, '--yes')).status).toBe(5);
    await daemon.cli('daemon', 'stop');
    const refused = await daemon.cli('daemon', 'restore', file, '--json');
    expect(refused.status).toBe(5);
    expect(documentOf(refused)).toMatchObject({ error: { code: 'RESTORE_REFUSED' } });
    expect((await daemon.cli('daemon', 'restore', '/nowhere', '--yes')).status).toBe(4);
    const restored = await daemon.cli('daemon', 'restore', file, '--yes', '--json');
    expect([restored.stderr, restored.status]).toEqual(['', 0]);
    await daemon.restart();
    expect(documentOf(await daemon.cli('node', 'status', 'kept', '--json'))).toMatchObject({
      node: { name: 'kept' },
    });
  });

  it('is stopped once, and asking again is no failure', async () => {
    expect((await daemon.cli('daemon', 'stop')).status).toBe(0);
    expect((await daemon.cli('daemon', 'status')).status).toBe(6);
    const again = await daemon.cli('daemon', 'stop', '--json');
    expect(again.status).toBe(0);
    expect(documentOf(again)).toMatchObject({ daemon: { running: false } });
  });

  it('runs in the foreground until it is told to stop', async () => {
    const foreground = daemon.begin('daemon', 'run');
    const output = outputOf(foreground);
    const end = ended(foreground);
    await waitFor('it to be ready', () => output.text.includes('"ready"'), 60_000);
    expect((await daemon.cli('daemon', 'status')).status).toBe(0);
    foreground.kill('SIGTERM');
    expect(await end).toMatchObject({ status: 0 });
    expect((await daemon.cli('daemon', 'status')).status).toBe(6);
  });
});
