import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { decodeJoinToken, encodeJoinToken } from '../../../src/contract/agent/join-token.js';
import { gridHint } from '../../../src/contract/discovery.js';
import { testAuthority } from '../../support/certificates.js';
import { documentOf, runCli, startCli } from '../../support/cli.js';
import { daemonProcess } from '../../support/daemon-process.js';
import { startImpostor } from '../../support/impostor.js';
import { lan } from '../../support/netns.js';
import { missing } from '../../support/requirements.js';
import { scratchFolder } from '../../support/scratch.js';
import { waitFor } from '../../support/wait-for.js';

type Network = ReturnType<typeof lan>;

/** A host of the network; the types do not know how many there are. */
function hostOf({ hosts }: Network, n: number) {
  const host = hosts[n];
  if (host) return host;
  throw new TypeError('There are fewer hosts.');
}

const impostorsIdentity = async () =>
  (await testAuthority()).issue(['daemon.syntropy.internal', 'impostor.local']);

function daemonOn(host: Network['hosts'][number], env: Record<string, string> = {}) {
  return daemonProcess({
    within: host.within,
    env: { SYNTROPY_API_LISTEN: '0.0.0.0:8080', ...env },
  });
}

const errorOf = (stdout: string) => JSON.parse(stdout).error;

// Goal: a machine joins by its token alone, on a real network, and is never taken in by who else is there.
describe.skipIf(missing('root', 'netns'))('a machine on the daemon’s network', () => {
  it('joins without an address, past an impostor that was there first, and is online', async () => {
    using network = lan(3);
    const [own, theirs, others] = [0, 1, 2].map((n) => hostOf(network, n));
    if (!own || !theirs || !others) return;
    await using daemon = await daemonOn(own);
    await using machine = await scratchFolder();
    const at = { stateDir: machine.file('state'), within: theirs.within };
    const token = (await daemon.cli('node', 'token', 'create', '--discover')).stdout.trim();
    const decoded = decodeJoinToken(token);
    const hint = gridHint(decoded?.caSha256 ?? '');
    await using impostor = await startImpostor(others, hint, await impostorsIdentity());

    own.unplug();
    const joining = runCli(['agent', 'join', '-', '--name', 'node-02', '--json'], {
      ...at,
      stdin: token,
    });
    await waitFor('the machine to look at the impostor', () => impostor.visitors() > 0);
    own.plug();
    const joined = await joining;
    const agent = startCli(['agent', 'run'], at);
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    await waitFor(
      'the node to be online',
      async () => (await daemon.client.call('nodes.get', { node: 'node-02' })).status === 'online',
    );
    agent.kill('SIGTERM');
    await ended;

    expect(decoded?.url).toBeUndefined();
    expect(documentOf(joined)).toMatchObject({
      agent: { node: { name: 'node-02' }, url: `https://${own.address}:8080` },
    });
    expect(impostor.heard()).toEqual([]);
  }, 120_000);

  it('finds nobody where only an impostor is, and tells it nothing', async () => {
    using network = lan(2);
    const [theirs, others] = [0, 1].map((n) => hostOf(network, n));
    if (!theirs || !others) return;
    await using machine = await scratchFolder();
    const caSha256 = createHash('sha256').update(randomBytes(32)).digest('hex');
    const secret = `synjoin_${randomBytes(32).toString('base64url')}`;
    const hint = gridHint(caSha256);
    await using impostor = await startImpostor(others, hint, await impostorsIdentity());

    const refused = await runCli(['agent', 'join', '-', '--json'], {
      stateDir: machine.file('state'),
      within: theirs.within,
      stdin: encodeJoinToken({ caSha256, secret }),
    });

    expect(refused.status).toBe(6);
    expect(errorOf(refused.stdout)).toMatchObject({
      code: 'DAEMON_NOT_FOUND',
      hint: expect.stringContaining('--url'),
      details: { tried: 1 },
    });
    expect(impostor.visitors()).toBe(1);
    expect(impostor.heard()).toEqual([]);
  }, 60_000);

  it.each([
    ['keeps to itself', { SYNTROPY_DISCOVERY_ANNOUNCE: 'false' }],
    ['listens for its own host alone', { SYNTROPY_API_LISTEN: '127.0.0.1:8080' }],
  ])(
    'does not find a daemon that %s, even from its own host',
    async (_, env) => {
      using network = lan(1);
      const own = hostOf(network, 0);
      await using daemon = await daemonOn(own, env);
      await using machine = await scratchFolder();
      const created = await daemon.cli('node', 'token', 'create', '--discover');

      const refused = await runCli(['agent', 'join', '-', '--json'], {
        stateDir: machine.file('state'),
        within: own.within,
        stdin: created.stdout,
      });

      expect(created.stderr).toContain('does not announce itself');
      expect(errorOf(refused.stdout)).toMatchObject({
        code: 'DAEMON_NOT_FOUND',
        details: { tried: 0 },
      });
    },
    120_000,
  );
});
