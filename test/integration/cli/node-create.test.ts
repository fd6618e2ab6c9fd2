import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { documentOf, ended, runCli, runOnTerminal, startCli } from '../../support/cli.js';
import { scriptedDaemon } from '../../support/scripted-daemon.js';
import { scriptedWrite, stick } from '../../support/scripted-write.js';
import { waitFor } from '../../support/wait-for.js';

const TO_FILE = ['node', 'create', '--name', 'node-01', '--output', '/images/node-01.img'];
const TO_STICK = ['node', 'create', '--name', 'node-01', '--usb', '/dev/sdz'];

describe('node create', () => {
  it('follows the write to its end and answers with node and operation', async () => {
    const write = scriptedWrite();
    await using daemon = await scriptedDaemon(write.answers);
    const child = startCli([...TO_FILE, '--json', '--progress', 'json'], daemon);
    const end = ended(child);
    await waitFor('the command to follow', () =>
      daemon.calls.some(({ operation }) => operation === 'events.follow'),
    );
    write.end({ status: 'succeeded', result: {} });

    const result = await end;
    expect(documentOf(result)).toMatchObject({
      schemaVersion: 1,
      node: { name: 'node-01', status: 'provisioned' },
      operation: { status: 'succeeded' },
    });
    expect(result.status).toBe(0);
    expect(JSON.parse(result.stderr)).toEqual({
      schemaVersion: 1,
      phase: 'write',
      doneBytes: 400,
      totalBytes: 1000,
      bytesPerSecond: 100,
    });
  });

  it('cancels at Ctrl-C, waits for the end, and says what state the stick is in', async () => {
    const write = scriptedWrite();
    await using daemon = await scriptedDaemon(write.answers);
    const child = startCli(TO_FILE, daemon);
    const end = ended(child);
    await waitFor('the command to follow', () =>
      daemon.calls.some(({ operation }) => operation === 'events.follow'),
    );
    child.kill('SIGINT');

    const { status, stderr } = await end;
    expect(status).toBe(130);
    expect(stderr).toContain('The stick is unusable.');
    const cancels = daemon.calls.filter(({ operation }) => operation === 'operations.cancel');
    expect(cancels).toHaveLength(1);
  });

  it('leaves at a second Ctrl-C, which is a failure like others under --json', async () => {
    const write = scriptedWrite();
    // The daemon has heard of it, and the write does not end.
    const answers = { ...write.answers, 'operations.cancel': () => undefined };
    await using daemon = await scriptedDaemon(answers);
    const child = startCli([...TO_FILE, '--json'], daemon);
    const end = ended(child);
    const called = (name: string) => () => daemon.calls.some(({ operation }) => operation === name);
    await waitFor('the command to follow', called('events.follow'));
    child.kill('SIGINT');
    await waitFor('the daemon to hear of it', called('operations.cancel'));
    child.kill('SIGINT');

    const result = await end;
    expect(result.status).toBe(130);
    expect(documentOf(result)).toMatchObject({ error: { code: 'OPERATION_CANCELLED' } });
  });

  it('describes a stick that a failure has left behind', async () => {
    const write = scriptedWrite();
    await using daemon = await scriptedDaemon(write.answers);
    write.end({
      status: 'failed',
      error: {
        code: 'VERIFY_FAILED',
        message: 'Byte 4096 differs.',
        hint: '',
        details: { targetState: 'unusable' },
      },
    });
    const { status, stderr } = await runCli(TO_FILE, daemon);
    expect(status).toBe(1);
    expect(stderr).toContain('Byte 4096 differs.');
    expect(stderr).toContain('unusable');
  });

  it('ends with status 6 when the daemon is lost, and says what that means for the stick', async () => {
    const write = scriptedWrite();
    const daemon = await scriptedDaemon(write.answers);
    const end = ended(startCli(TO_FILE, daemon));
    await waitFor('the command to follow', () =>
      daemon.calls.some(({ operation }) => operation === 'events.follow'),
    );
    await daemon[Symbol.asyncDispose]();
    const { status, stderr } = await end;
    expect(status).toBe(6);
    expect(stderr).toContain('unusable');
  });

  it('gives up waiting after --timeout with status 7, and leaves the write alone', async () => {
    await using daemon = await scriptedDaemon(scriptedWrite().answers);
    const { status } = await runCli([...TO_FILE, '--timeout', '300ms'], daemon);
    expect(status).toBe(7);
    expect(daemon.calls.map(({ operation }) => operation)).not.toContain('operations.cancel');
  });

  it('returns at once with --detach', async () => {
    await using daemon = await scriptedDaemon(scriptedWrite().answers);
    const result = await runCli([...TO_FILE, '--detach', '--json'], daemon);
    expect(documentOf(result)).toMatchObject({ operation: { status: 'running' } });
    expect(result.status).toBe(0);
  });

  it('changes nothing with --dry-run', async () => {
    await using daemon = await scriptedDaemon(scriptedWrite({ drive: stick }).answers);
    const { status, stdout } = await runCli([...TO_STICK, '--dry-run'], daemon);
    expect(status).toBe(0);
    for (const shown of ['Ultra Fit', 'S-123', '15.6 GB', 'HOLIDAYS'])
      expect(stdout).toContain(shown);
    expect(daemon.calls.map(({ operation }) => operation)).toEqual(['nodes.plan']);
  });
});

describe('node create, before a stick is lost', () => {
  it('does not ask where nobody is, and names --yes', async () => {
    await using daemon = await scriptedDaemon(scriptedWrite({ drive: stick }).answers);
    const { status, stderr } = await runCli(TO_STICK, daemon);
    expect(status).toBe(2);
    expect(stderr).toContain('--yes');
    expect(daemon.calls.map(({ operation }) => operation)).toEqual(['nodes.plan']);
  });

  it('shows what will be lost, and writes only the stick that was shown', async () => {
    const write = scriptedWrite({ drive: stick });
    await using daemon = await scriptedDaemon(write.answers);
    write.end({ status: 'succeeded', result: {} });
    const { stdout, status } = await runOnTerminal(TO_STICK, {
      ...daemon,
      typed: [{ after: /Write \/dev\/sdz/, text: 'y\r' }],
    });
    for (const shown of ['Ultra Fit', 'S-123', '15.6 GB', '/dev/sdz1', 'HOLIDAYS']) {
      expect(stdout).toContain(shown);
    }
    expect(status).toBe(0);
    const created = daemon.calls.find(({ operation }) => operation === 'nodes.create');
    expect(created?.body).toMatchObject({
      target: {
        device: '/dev/sdz',
        expect: { serial: 'S-123', byId: 'usb-SanDisk_Ultra_Fit', sizeBytes: stick.sizeBytes },
      },
    });
  });

  it('writes nothing after a no', async () => {
    await using daemon = await scriptedDaemon(scriptedWrite({ drive: stick }).answers);
    const typed = [{ after: /Write \/dev\/sdz/, text: '\r' }];
    const { status } = await runOnTerminal(TO_STICK, { ...daemon, typed });
    expect(status).toBe(130);
    expect(daemon.calls.map(({ operation }) => operation)).not.toContain('nodes.create');
  });
});

describe('what node create asks for', () => {
  it('has absolute paths, for the daemon works elsewhere', async () => {
    await using daemon = await scriptedDaemon(scriptedWrite().answers);
    const argv = [
      'node',
      'create',
      '--name',
      'n',
      '--output',
      'out.img',
      '--image',
      'in.img',
      '--dry-run',
    ];
    await runCli(argv, { ...daemon, cwd: os.tmpdir() });
    expect(daemon.calls[0]?.body).toMatchObject({
      target: { output: path.join(os.tmpdir(), 'out.img') },
      image: path.join(os.tmpdir(), 'in.img'),
    });
  });

  it('has everything that the flags said', async () => {
    await using daemon = await scriptedDaemon(scriptedWrite({ drive: stick }).answers);
    const flags =
      '--label site=attic --label gpu= --no-verify --no-config --unmount --eject --join-ttl 1d12h --accept-risk not-removable --daemon-url https://grid.example --description spare';
    await runCli([...TO_STICK, '--dry-run', ...flags.split(' ')], daemon);
    expect(daemon.calls[0]?.body).toMatchObject({
      labels: { site: 'attic', gpu: '' },
      verify: false,
      config: false,
      unmount: true,
      eject: true,
      joinTtlSeconds: 36 * 3600,
      acceptRisks: ['not-removable'],
      daemonUrl: 'https://grid.example',
      description: 'spare',
    });
  });

  it('never has a private key, which is refused before anything is sent', async () => {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'syntropy-key-'));
    try {
      const key = path.join(dir, 'id_ed25519');
      await writeFile(key, '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n');
      await using daemon = await scriptedDaemon(scriptedWrite().answers);
      const { status, stderr } = await runCli([...TO_FILE, '--ssh-key', key], daemon);
      expect(status).toBe(2);
      expect(stderr).toContain('private key');
      expect(daemon.calls).toEqual([]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it.each([
    [['--usb', '/dev/sdz', '--output', 'x']],
    [[]],
    [['--usb', '/dev/sdz', '--join-ttl', 'soon']],
    [['--usb', '/dev/sdz', '--accept-risk', 'everything']],
  ])('is refused with status 2 for %j', async (flags) => {
    await using daemon = await scriptedDaemon(scriptedWrite().answers);
    const { status } = await runCli(['node', 'create', '--name', 'n', ...flags], daemon);
    expect(status).toBe(2);
    expect(daemon.calls).toEqual([]);
  });
});
