import { describe, expect, it } from 'vitest';

import { LAN, meshLab, OPEN_ROUTER } from '../../support/mesh-lab.js';
import { missing } from '../../support/requirements.js';
import { waitFor } from '../../support/wait-for.js';

// Goal: what the driver says of a tunnel is true of the packets that go through it.
describe.skipIf(missing('netns'))('a mesh of wireguard-go', () => {
  it('has four machines reach each other, also the one behind a NAT', async () => {
    await using lab = await meshLab();
    await lab.converge();
    const { a, b, c, d } = lab.nodes;
    await waitFor('the machine behind the NAT to have spoken', async () => {
      const stats = await d.driver.stats();
      return stats?.every(({ lastHandshakeAt }) => lastHandshakeAt !== undefined);
    });
    for (const from of [a, b, c, d]) {
      for (const to of [a, b, c, d]) {
        for (const address of [to.v4, to.v6]) {
          const said = await from.run('ping', '-n', '-c', '1', '-W', '2', address);
          expect(said, `${from.namespace} to ${address}`).toContain('1 received');
        }
      }
    }
    expect(LAN && OPEN_ROUTER).toBeTruthy();
  });
});
