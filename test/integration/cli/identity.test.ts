import { describe, expect, it } from 'vitest';

import { documentOf, runCli, runOnTerminal } from '../../support/cli.js';
import {
  type Answers,
  memberNamed,
  nodeNamed,
  scriptedDaemon,
} from '../../support/scripted-daemon.js';

const AT = '2026-01-02T03:04:05.000Z';
const HASH = 'ab'.repeat(32);
const ANA = { id: '018f6e2a-0000-7000-8000-0000000000bb', name: 'ana' };
const TOKEN = '018f6e2a-0000-7000-8000-0000000000cc';
const SECRET = 'syninv_shown-once';

const member = memberNamed('ana', { status: 'invited' });
const token = {
  id: TOKEN,
  name: 'ci',
  member: ANA,
  scopes: ['nodes:read'],
  createdAt: AT,
  expiresAt: AT,
};

const answers: Answers = {
  'members.get': () => member,
  'members.create': () => ({ member, invitation: { secret: SECRET, expiresAt: AT } }),
  'members.update': ({ body }) => ({
    member,
    ...(JSON.stringify(body).includes('invite')
      ? { invitation: { secret: SECRET, expiresAt: AT } }
      : {}),
  }),
  'members.delete': () => ({ member, transferredNodes: 0 }),
  'tokens.list': () => ({ tokens: [token] }),
  'tokens.create': () => ({ token, secret: SECRET }),
  'tokens.revoke': () => token,
  'nodes.get': () => nodeNamed('node-01'),
  'nodes.update': () => nodeNamed('node-01'),
  'nodes.delete': () => ({ node: nodeNamed('node-01'), outcome: 'removed' }),
  'audit.list': () => ({ entries: [] }),
};

describe('a secret that is made', () => {
  it.each([
    ['member add ana --role member --role viewer'],
    ['member update ana --invite'],
    ['token create ci --scope nodes:read --ttl 90d'],
  ])('by %s is alone on stdout, for a script to take it from there', async (line) => {
    await using daemon = await scriptedDaemon(answers);
    const { stdout, stderr, status } = await runCli(line.split(' '), daemon);
    expect([stdout, status]).toEqual([`${SECRET}\n`, 0]);
    expect(stderr).toContain('ana');
    expect(stderr).not.toContain(SECRET);
  });

  it('is not shown by a retry, which says so', async () => {
    await using daemon = await scriptedDaemon({ ...answers, 'tokens.create': () => ({ token }) });
    const argv = ['token', 'create', 'ci', '--scope', 'nodes:read', '--idempotency-key', 'k'];
    const { stdout, stderr, status } = await runCli(argv, daemon);
    expect([stdout, status]).toEqual(['', 0]);
    expect(stderr).toContain('the first time');
  });
});

describe('member', () => {
  it('hands on what was said, and nothing that was not', async () => {
    await using daemon = await scriptedDaemon(answers);
    await runCli(['member', 'add', 'ana', '--role', 'viewer', '--invitation-ttl', '2d'], daemon);
    await runCli(['member', 'update', 'ana', '--disable', '--if-version', '3'], daemon);
    await runCli(['member', 'update', 'ana', '--enable', '--description', ''], daemon);
    expect(daemon.calls.map(({ body }) => body)).toEqual([
      { name: 'ana', roles: ['viewer'], invitationTtlSeconds: 172_800 },
      { disabled: true, ifVersion: 3 },
      { disabled: false, description: '' },
    ]);
  });

  it('remove asks first, and removes the one that was asked about', async () => {
    await using daemon = await scriptedDaemon(answers);
    expect((await runCli(['member', 'remove', 'ana'], daemon)).status).toBe(2);
    const no = await runOnTerminal(['member', 'remove', 'ana'], {
      ...daemon,
      typed: [{ after: /\?/, text: '\r' }],
    });
    expect(no.status).toBe(130);
    expect(daemon.calls.map(({ operation }) => operation)).not.toContain('members.delete');
    await runCli(['member', 'remove', 'ana', '--transfer-to', 'ben', '--yes'], daemon);
    expect(daemon.calls.at(-1)).toMatchObject({
      params: { member: ANA.id },
      query: { transferTo: 'ben' },
    });
  });
});

describe('token revoke', () => {
  it('takes the name as well as the id', async () => {
    await using daemon = await scriptedDaemon(answers);
    await runCli(['token', 'revoke', 'ci', '--member', 'ana'], daemon);
    expect(daemon.calls[0]).toMatchObject({ operation: 'tokens.list', query: { member: 'ana' } });
    expect(daemon.calls[1]).toMatchObject({ params: { token: TOKEN } });
    await runCli(['token', 'revoke', TOKEN], daemon);
    expect(daemon.calls).toHaveLength(3);
    expect((await runCli(['token', 'revoke', 'other'], daemon)).status).toBe(4);
  });
});

describe('node', () => {
  it('changes are made only to the version that was named', async () => {
    await using daemon = await scriptedDaemon(answers);
    await runCli(['node', 'update', 'node-01', '--name', 'n', '--if-version', '7'], daemon);
    expect(daemon.calls.at(-1)?.body).toEqual({ ifVersion: 7, name: 'n' });
    await runCli(['node', 'delete', 'node-01', '--yes', '--if-version', '7'], daemon);
    expect(daemon.calls.at(-1)?.query).toEqual({ ifVersion: '7' });
    expect((await runCli(['node', 'update', 'x', '--if-version', '0'], daemon)).status).toBe(2);
  });
});

describe('audit', () => {
  it('list reads times as people write them', async () => {
    await using daemon = await scriptedDaemon(answers);
    const argv = ['audit', 'list', '--since', '24h', '--until', '2026-01-02T03:04:05Z'];
    await runCli([...argv, '--outcome', 'failed'], daemon);
    const query = daemon.calls.at(-1)?.query ?? {};
    expect(query).toMatchObject({ until: AT, outcome: 'failed', limit: '50' });
    expect(Date.now() - Date.parse(query['since'] ?? '')).toBeGreaterThanOrEqual(86_400_000);
    expect((await runCli(['audit', 'list', '--since', 'soon'], daemon)).status).toBe(2);
  });

  it('verify ends with status 1 when the log is broken, and says where', async () => {
    await using daemon = await scriptedDaemon({
      'audit.verify': () => ({
        ok: false,
        entries: 41,
        firstSeq: 1,
        head: { seq: 99, hash: HASH },
        broken: { seq: 42, reason: 'its hash does not fit' },
      }),
    });
    const result = await runCli(['audit', 'verify', '--expect', `7:${HASH}`, '--json'], daemon);
    expect(result.status).toBe(1);
    expect(documentOf(result)).toMatchObject({ verdict: { ok: false, broken: { seq: 42 } } });
    expect(daemon.calls[0]?.query).toEqual({ expectSeq: '7', expectHash: HASH });
    expect((await runCli(['audit', 'verify'], daemon)).stdout).toContain('42: its hash');
    expect((await runCli(['audit', 'verify', '--expect', '7'], daemon)).status).toBe(2);
  });

  it.each([
    ['the connection breaks', '', 'broke'],
    ['the daemon stops', 'event: end\ndata: {"reason":"stopping"}\n\n', '--from-seq 2'],
    ['it ends without a last word', ': nothing\n\n', '--from-seq 2'],
  ])('export fails where %s: a part is never taken for the whole', async (_, last, said) => {
    const record = { seq: 1, entry: '{}', previousHash: HASH, hash: HASH };
    await using daemon = await scriptedDaemon({
      'audit.export': (__, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`data: ${JSON.stringify(record)}\n\n${last}`, () => {
          if (last === '') response.destroy();
          else response.end();
        });
        return undefined;
      },
    });
    const { status, stdout, stderr } = await runCli(['audit', 'export'], daemon);
    expect(status).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject({ record: { seq: 1 } });
    expect(stderr).toContain(said);
  });
});
