import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { Client, request } from 'undici';
import { describe, expect, it } from 'vitest';

import { AuditRepository } from '../../../src/core/storage/postgres/audit.repository.js';
import { readAudit, verifyAudit } from '../../../src/daemon/audit/audit-log.js';
import { freshDatabase, type TestDatabase, testDatabases } from '../../support/postgres.js';
import { PASSWORD, remoteWorld } from '../../support/remote-world.js';

const entry = (n: number) => ({
  at: new Date(1_767_225_600_000 + n).toISOString(),
  member: { id: randomUUID(), name: `member-${n}` },
  via: 'session',
  source: '192.0.2.1',
  operation: 'nodes.delete',
  object: { kind: 'node', ref: `node-${n} “ü” \\ "` },
  outcome: 'ok',
  requestId: randomUUID(),
});

async function logOf(database: TestDatabase, count: number): Promise<AuditRepository> {
  const log = new AuditRepository(database.db, randomUUID());
  for (let n = 1; n <= count; n += 1) await log.append(entry(n));
  return log;
}

/** As somebody who owns the database would: the triggers are for programs, not for them. */
async function tamper(database: TestDatabase, sql: string): Promise<void> {
  await database.pool.query(
    `set session_replication_role = replica; ${sql}; set session_replication_role = default`,
  );
}

// Goal: nothing in the log can be changed, removed or inserted without being found out.
describe.each(testDatabases())('the audit log on %s', (server) => {
  it('is one chain, also when twenty write at once', async () => {
    await using database = await freshDatabase(server);
    const log = new AuditRepository(database.db, randomUUID());

    await Promise.all(Array.from({ length: 20 }, (_, n) => log.append(entry(n))));

    const verdict = await verifyAudit(log);
    expect(verdict).toMatchObject({ ok: true, entries: 20, firstSeq: 1, head: { seq: 20 } });
  });

  it('takes no change from a program', async () => {
    await using database = await freshDatabase(server);
    await logOf(database, 3);

    for (const sql of [
      `update audit_log set entry = replace(entry, 'ok', 'no')`,
      'delete from audit_log where seq = 2',
      'truncate audit_log',
    ]) {
      await expect(database.pool.query(sql)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it.each([
    [
      'a changed text',
      `update audit_log set entry = replace(entry, 'node-2', 'node-9') where seq = 2`,
      2,
    ],
    ['a changed hash', `update audit_log set hash = sha256('x') where seq = 2`, 2],
    ['a removed entry', 'delete from audit_log where seq = 2', 2],
    ['a changed number', 'update audit_log set seq = 9 where seq = 3', 3],
    [
      'two that changed places',
      `update audit_log a set entry = b.entry from audit_log b where a.seq + b.seq = 5 and a.seq in (2, 3)`,
      2,
    ],
  ])('shows %s', async (_, sql, seq) => {
    await using database = await freshDatabase(server);
    const log = await logOf(database, 4);

    await tamper(database, sql);

    expect(await verifyAudit(log)).toMatchObject({ ok: false, broken: { seq } });
  });

  it('shows that its end was cut off or rewritten, to whoever noted the head', async () => {
    await using database = await freshDatabase(server);
    const log = await logOf(database, 4);
    const { head } = await verifyAudit(log);
    await tamper(database, 'delete from audit_log where seq > 2');

    expect(await verifyAudit(log)).toMatchObject({ ok: true });
    expect(await verifyAudit(log, head)).toMatchObject({ ok: false });
    await log.append(entry(8));
    await log.append(entry(9));
    expect(await verifyAudit(log, head)).toMatchObject({ ok: false, broken: { seq: 4 } });
  });

  it('begins at its anchor when its old end is no longer kept', async () => {
    await using database = await freshDatabase(server);
    const log = await logOf(database, 4);
    await tamper(database, `update audit_log set at = now() - interval '9 days' where seq <= 2`);

    await log.prune(7);

    expect(await verifyAudit(log)).toMatchObject({ ok: true, entries: 2, firstSeq: 3 });
    await tamper(database, 'delete from audit_log where seq = 3');
    expect(await verifyAudit(log)).toMatchObject({ ok: false });
  });
});

// Goal: whatever is written into an entry, the program and the database agree on its hash.
describe('the hash of an entry', () => {
  it('is the same here and in Postgres for any text', async () => {
    await using database = await freshDatabase();
    const log = new AuditRepository(database.db, randomUUID());
    const texts = fc.sample(
      fc
        .string({ unit: 'grapheme', maxLength: 100 })
        .filter((text) => !text.includes('\0') && text.isWellFormed()),
      60,
    );
    for (const text of texts) {
      await log.append({ ...entry(1), object: { kind: 'node', ref: text } });
    }

    expect(await verifyAudit(log)).toMatchObject({ ok: true, entries: 60 });
    const exported = [];
    for await (const { seq } of readAudit(log, 41)) exported.push(seq);
    expect(exported).toEqual(Array.from({ length: 20 }, (_, n) => 41 + n));
  });
});

// Goal: every change and every refusal is told, with who, as whom, what, from where and how it ended.
describe('an entry', () => {
  it('is made for a change, a failed change and a refusal, and for no look', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    const token = ana.accessToken;
    await world.ask('GET', '/v1/nodes', { token });
    await world.ask('POST', '/v1/tokens', { token, body: { name: 'ci', scopes: ['nodes:read'] } });
    await world.ask('DELETE', '/v1/nodes/nope', { token });
    await world.ask('GET', '/v1/audit', { token });

    const { entries } = await world.admin.call('audit.list', { member: 'ana' });

    expect(
      entries.map(({ operation, outcome, via, source }) => [operation, outcome, via, source]),
    ).toEqual([
      ['audit.list', 'PERMISSION_DENIED', 'session', '127.0.0.1'],
      ['nodes.delete', 'NODE_NOT_FOUND', 'session', '127.0.0.1'],
      ['tokens.create', 'ok', 'session', '127.0.0.1'],
      ['sessions.create', 'ok', 'none', '127.0.0.1'],
    ]);
    expect(entries[1]).toMatchObject({
      object: { kind: 'node', ref: 'nope' },
      requestId: expect.any(String),
    });
  });

  it('names both when the administrator acts as another', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    const client = new Client('http://syntropy', { socketPath: world.socketPath });
    const answer = await request('http://syntropy/v1/tokens', {
      method: 'POST',
      dispatcher: client,
      headers: { 'content-type': 'application/json', 'syntropy-as': 'ana' },
      body: JSON.stringify({ name: 'ci', scopes: ['nodes:read'] }),
    });
    await answer.body.dump();
    await client.close();

    const { entries } = await world.admin.call('audit.list', { operation: 'tokens.*' });

    expect(entries).toMatchObject([
      {
        member: { id: ana.id, name: 'ana' },
        actor: { name: 'admin' },
        via: 'socket',
        source: 'socket',
      },
    ]);
  });

  it('is made for failed sign-ins at a bounded rate, and counts what it leaves out', async () => {
    await using world = await remoteWorld();
    for (let n = 0; n < 80; n += 1) {
      await world.ask('POST', '/v1/sessions', { body: { member: `m-${n}`, password: PASSWORD } });
    }

    const { entries } = await world.admin.call('audit.list', { operation: 'sessions.create' });

    // A minute may end meanwhile, and another begin.
    expect(entries.length).toBeLessThanOrEqual(62);
    expect(entries.length).toBeGreaterThan(10);
  });

  it('is made for a call that a crash cut off', async () => {
    await using world = await remoteWorld();
    const dead = new AuditRepository(world.database.db, randomUUID());
    await dead.begin(randomUUID(), { ...entry(1), outcome: 'unknown' });

    await world.start('another');

    const { entries } = await world.admin.call('audit.list', { outcome: 'unknown' });
    expect(entries).toMatchObject([{ operation: 'nodes.delete', outcome: 'unknown' }]);
  });
});
