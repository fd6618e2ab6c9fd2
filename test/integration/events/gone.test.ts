import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

import { rawConnection } from '../../support/raw-https.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';

// Goal: whoever hangs up before the daemon has found out who they are is not followed for by anybody.
describe('a follower who goes while the daemon still asks who it is', () => {
  it('leaves nothing behind', async () => {
    await using world = await remoteWorld();
    const followers = async () => {
      const text = await (await fetch(`${world.daemon.facts().opsUrl}/metrics`)).text();
      return Number(/^syntropy_event_followers (\d+)$/m.exec(text)?.[1]);
    };
    const { secret } = await world.admin.call('tokens.create', {
      name: 'follower',
      scopes: ['events:read'],
    });
    const holder = await world.database.pool.connect();
    await holder.query('begin; lock table access_tokens in access exclusive mode');
    const socket = await rawConnection(world.port);
    socket.write(
      `GET /v1/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${secret}\r\n\r\n`,
    );
    await waitFor('the daemon to wait for the table', async () => {
      const { rows } = await holder.query('select from pg_locks where not granted');
      return rows.length > 0;
    });
    socket.destroy();
    await once(socket, 'close');
    await world.ask('GET', '/v1/keys');
    await holder.query('commit');
    holder.release();
    // By now, whoever was let in would be there.
    await world.ask('GET', '/v1/nodes', { token: secret });

    await expect.poll(followers, { timeout: 8_000 }).toBe(0);
  });
});
