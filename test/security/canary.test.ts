import { glob, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { PASSWORD, remoteWorld } from '../support/remote-world.js';

// Goal: a secret is where it was given, and nowhere else.
describe('a secret', () => {
  it('shows in no log, no error, no audit entry, no event and no command line', async () => {
    await using world = await remoteWorld();
    const ana = await world.signedIn('ana');
    const { invitation } = await world.admin.call('members.create', { name: 'bob' });
    const { body: made } = await world.ask('POST', '/v1/tokens', {
      token: ana.accessToken,
      body: { name: 'ci', scopes: ['nodes:read'] },
      headers: { 'idempotency-key': 'k' },
    });
    const canaries = [
      PASSWORD,
      'canary-password-1',
      'synpat_canary',
      ana.accessToken,
      ana.refreshToken,
      String(invitation?.secret),
      String(made.secret),
    ];
    // Every way to get it wrong.
    const errors = await Promise.all([
      world.ask('POST', '/v1/sessions', { body: { member: 'ana', password: 'canary-password-1' } }),
      world.ask('POST', '/v1/sessions', {
        body: { password: 'canary-password-1', invitation: 'syninv_canary-password-1' },
      }),
      world.ask('POST', '/v1/sessions', {
        body: { member: 'ana', password: 'canary-password-1', extra: 1 },
      }),
      world.ask('POST', '/v1/sessions', { body: `{"password":"canary-password-1"` }),
      world.ask('POST', '/v1/sessions/refresh', { body: { refreshToken: ana.refreshToken, x: 1 } }),
      world.ask('GET', '/v1/nodes', { token: 'synpat_canary' }),
      world.ask('GET', '/v1/nodes', { token: `${ana.accessToken}x` }),
      world.ask('GET', `/v1/nodes?token=canary-password-1`),
    ]);
    const { rows: stored } = await world.database.pool.query<{ row: string }>(
      `select entry as row from audit_log union all select e::text from events e
       union all select k::text from idempotency_keys k union all select s::text from sessions s
       union all select t::text from access_tokens t union all select i::text from invitations i`,
    );
    const commandLines: string[] = [];
    for await (const file of glob('/proc/*/cmdline')) {
      commandLines.push(await readFile(file, 'utf8').catch(() => ''));
    }

    const places = {
      log: world.log.join(''),
      errors: JSON.stringify(errors.map(({ body }) => body)),
      stored: JSON.stringify(stored),
      commandLines: commandLines.join('\n'),
    };
    expect(world.log.length).toBeGreaterThan(10);
    expect(stored.length).toBeGreaterThan(3);
    for (const [place, text] of Object.entries(places)) {
      const seen = canaries.filter((canary) => text.includes(canary));
      expect([place, seen]).toEqual([place, []]);
    }
  });
});
