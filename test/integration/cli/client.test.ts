import { describe, expect, it } from 'vitest';

import { API_VERSION } from '../../../src/contract/registry.js';
import { runCli, startCli, ended } from '../../support/cli.js';
import { nodeNamed, scriptedDaemon } from '../../support/scripted-daemon.js';
import { waitFor } from '../../support/wait-for.js';

describe('a command and its daemon', () => {
  it('send an id or a name as one part of the path, whatever is in it', async () => {
    await using daemon = await scriptedDaemon({ 'nodes.get': () => nodeNamed('node-01') });
    await runCli(['node', 'status', 'a/b?c=ü'], daemon);
    expect(daemon.calls[0]).toMatchObject({ params: { node: 'a/b?c=ü' }, query: {} });
  });

  it('hand on the key that makes a retry safe', async () => {
    await using daemon = await scriptedDaemon({ 'nodes.update': () => nodeNamed('node-02') });
    const argv = ['node', 'update', 'node-01', '--name', 'node-02', '--idempotency-key', 'key-1'];
    expect(await runCli(argv, daemon)).toMatchObject({ status: 0 });
    expect(daemon.calls[0]).toMatchObject({
      params: { node: 'node-01' },
      body: { name: 'node-02' },
      headers: { 'idempotency-key': 'key-1', 'syntropy-api': API_VERSION },
    });
  });

  it('part where their versions differ in the major number', async () => {
    await using daemon = await scriptedDaemon(
      { 'nodes.list': () => ({ nodes: [] }) },
      { 'syntropy-api': '2.0' },
    );
    const { stderr, stdout, status } = await runCli(['node', 'list'], daemon);
    expect([stdout, status]).toEqual(['', 5]);
    expect(stderr).toContain('2.0');
  });

  it('work together where only the minor number differs, after one warning', async () => {
    await using daemon = await scriptedDaemon(
      { 'nodes.list': () => ({ nodes: [nodeNamed('node-01')] }) },
      { 'syntropy-api': '1.9' },
    );
    const { stderr, stdout, status } = await runCli(['node', 'list'], daemon);
    expect(status).toBe(0);
    expect(stdout).toContain('node-01');
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toContain('1.9');
  });

  it('do not wait for ever', async () => {
    await using daemon = await scriptedDaemon({ 'nodes.get': () => new Promise(() => undefined) });
    const argv = ['node', 'wait', 'node-01', '--for', 'online', '--timeout', '300ms'];
    const began = performance.now();
    const { stderr, status } = await runCli(argv, daemon);
    expect(status).toBe(7);
    expect(stderr).toContain('--timeout');
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('tell one that ended while it was asked from one that never ran', async () => {
    await using daemon = await scriptedDaemon({
      'nodes.list': (_, response) => void response.destroy(),
    });
    const { status, stderr } = await runCli(['node', 'list'], daemon);
    expect(status).toBe(6);
    expect(stderr).not.toContain('ECONNRESET');
  });

  it.each([
    ['it is too far behind', { code: 'CURSOR_EXPIRED', detail: 'Too old.' }],
    ['the database restarts', { code: 'DATABASE_UNAVAILABLE', detail: 'Not now.' }],
  ])('go on waiting for an operation where %s in the middle of the stream', async (_, problem) => {
    const at = '2026-01-02T03:04:05.000Z';
    const operation = { kind: 'nodes.create', subject: 'admin', createdAt: at } as const;
    const id = '018f6e2a-0000-7000-8000-0000000000aa';
    let asked = 0;
    await using daemon = await scriptedDaemon({
      'events.list': () => ({ events: [], cursor: '9' }),
      'events.follow': (__, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end(
          `event: end\ndata: ${JSON.stringify({ reason: 'error', error: problem })}\n\n`,
        );
        return undefined;
      },
      'operations.get': () => {
        asked += 1;
        return asked === 1
          ? { ...operation, id, status: 'running' }
          : { ...operation, id, status: 'succeeded', endedAt: at };
      },
    });
    expect((await runCli(['operation', 'wait', id], daemon)).status).toBe(0);
  });

  it('go on waiting for a node over a restart of the daemon, but not for one that never ran', async () => {
    let asked = 0;
    await using daemon = await scriptedDaemon({
      'events.list': () => ({ events: [], cursor: '9' }),
      'events.follow': (_, response) => void response.destroy(),
      'nodes.get': (_, response) => {
        asked += 1;
        if (asked === 3 || asked === 4) return void response.destroy();
        return nodeNamed('node-01', { status: asked < 3 ? 'joining' : 'online' });
      },
    });
    const argv = ['node', 'wait', 'node-01', '--for', 'online', '--timeout', '30s'];
    expect((await runCli(argv, daemon)).status).toBe(0);
    const began = performance.now();
    expect((await runCli(argv)).status).toBe(6);
    expect(performance.now() - began).toBeLessThan(4500);
  });

  it('end with status 130 at Ctrl-C', async () => {
    // It never answers: the command is surely still waiting when the signal comes.
    await using daemon = await scriptedDaemon({ 'nodes.get': () => new Promise(() => undefined) });
    const child = startCli(['node', 'wait', 'node-01', '--for', 'online'], daemon);
    const end = ended(child);
    await waitFor('the first question', () => daemon.calls.length > 0);
    child.kill('SIGINT');
    expect((await end).status).toBe(130);
  });
});
