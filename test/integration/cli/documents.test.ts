import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { Answers } from '../../support/scripted-daemon.js';

import { runCli } from '../../support/cli.js';
import { golden } from '../../support/golden.js';
import { containerAnswers } from '../../support/container-answers.js';
import { memberNamed, nodeNamed, scriptedDaemon } from '../../support/scripted-daemon.js';
import { scriptedWrite, stick } from '../../support/scripted-write.js';

const AT = '2026-01-02T03:04:05.000Z';
const OPERATION = '018f6e2a-0000-7000-8000-0000000000aa';

/** A node with every field that a node can have. */
const node = nodeNamed('node-01', {
  statusReason: 'none',
  description: 'spare',
  labels: { site: 'attic' },
  provisioning: {
    operationId: OPERATION,
    image: 'seed',
    target: '/dev/sdz',
    model: 'Ultra Fit',
    serial: 'S-123',
    targetState: 'verified',
    imageBytes: 16_777_216,
    bytesPerSecond: 20_000_000,
    durationMs: 900,
    verified: true,
    identityWritten: true,
    joinTokenExpiresAt: AT,
  },
  agent: {
    approval: 'approved',
    joinedAt: AT,
    version: '0.1.0',
    bootId: '0b2c',
    source: '192.0.2.7',
    connectedAt: AT,
    lastSeenAt: AT,
    clockSkewMs: -12,
    generation: 3,
    observedGeneration: 2,
    capacity: { cpuMillis: 4_000, memoryBytes: 8 * 2 ** 30, diskBytes: 50 * 10 ** 9 },
    problems: [{ code: 'RESTART_NOT_ALLOWED', message: 'It may not.' }],
  },
});

/** All that a machine can tell of itself. */
const hardware = {
  os: { name: 'Debian GNU/Linux', version: '13', kernel: '6.12.1', arch: 'x64' },
  cpu: { model: 'Ryzen 5', cores: 6, threads: 12 },
  memoryBytes: 34_359_738_368,
  system: { manufacturer: 'Acme', model: 'One' },
  firmware: { kind: 'uefi' as const, vendor: 'AMI', version: '1.2' },
  virtualisation: 'KVM',
  disks: [{ name: 'nvme0n1', model: 'SSD 1', kind: 'NVMe', sizeBytes: 1e12 }],
  networks: [
    { name: 'eth0', mac: '02:00:00:00:00:01', addresses: ['192.0.2.7'], speedMbps: 1_000 },
  ],
  gpus: [{ vendor: 'AMD', model: 'RX 6600', memoryBytes: 8e9 }],
};
const sample = {
  at: AT,
  cpuPercent: 12.5,
  load1: 0.75,
  load5: 0.5,
  load15: 0.25,
  memoryUsedBytes: 8e9,
  memoryTotalBytes: 32e9,
  swapUsedBytes: 0,
  swapTotalBytes: 2e9,
  diskUsedBytes: 9e11,
  diskTotalBytes: 1e12,
  networkRxBytesPerSecond: 2e6,
  networkTxBytesPerSecond: 1e6,
  temperatureCelsius: 48,
  uptimeSeconds: 90_061,
};

const ANA = { id: '018f6e2a-0000-7000-8000-0000000000bb', name: 'ana' };
const TOKEN = '018f6e2a-0000-7000-8000-0000000000cc';
const HASH = 'ab'.repeat(32);

/** A member with every field that a member can have; so the others. */
const member = memberNamed('ana', {
  roles: ['member', 'auditor'],
  description: 'attic',
  lastSeenAt: AT,
  version: 3,
});
const invitation = { secret: 'syninv_shown-once', expiresAt: AT };
const token = {
  id: TOKEN,
  name: 'ci',
  member: ANA,
  scopes: ['nodes:read'],
  createdAt: AT,
  expiresAt: AT,
  lastUsedAt: AT,
};
const nodeToken = {
  id: TOKEN,
  node: { id: node.id, name: node.name },
  owner: ANA,
  labels: { site: 'attic' },
  approval: 'manual',
  maxUses: 12,
  usesLeft: 11,
  createdBy: 'admin',
  createdAt: AT,
  expiresAt: AT,
  lastUsedAt: AT,
} as const;
const role = {
  name: 'auditor',
  summary: 'Reads the log.',
  permissions: ['audit:read'],
  builtIn: false,
};
const key = { kty: 'RSA', use: 'sig', alg: 'RS256', kid: 'k-2', n: 'n', e: 'AQAB' } as const;

/** What concerns people and their rights. */
const identityAnswers: Answers = {
  'members.list': () => ({ members: [member] }),
  'members.get': () => member,
  'members.create': () => ({ member, invitation }),
  'members.update': () => ({ member, invitation }),
  'members.delete': () => ({ member: { ...member, status: 'removed' }, transferredNodes: 2 }),
  'tokens.list': () => ({ tokens: [token] }),
  'tokens.create': () => ({ token, secret: 'synpat_shown-once' }),
  'tokens.revoke': () => ({ ...token, revokedAt: AT }),
  'roles.list': () => ({ roles: [role] }),
  'roles.get': () => role,
  'roles.set': () => role,
  'roles.delete': () => role,
  'keys.rotate': () => ({ keys: [key] }),
  'sessions.get': () => ({
    member: ANA,
    actor: { id: ANA.id, name: 'admin' },
    roles: ['member'],
    permissions: ['nodes:read'],
    via: 'socket',
  }),
  'audit.list': () => ({
    entries: [
      {
        seq: 7,
        at: AT,
        member: ANA,
        via: 'session',
        source: '192.0.2.1',
        operation: 'nodes.delete',
        object: { kind: 'node', ref: 'node-01' },
        outcome: 'PERMISSION_DENIED',
        requestId: OPERATION,
        hash: HASH,
      },
    ],
  }),
  'audit.verify': () => ({ ok: true, entries: 7, firstSeq: 1, head: { seq: 7, hash: HASH } }),
  'audit.export': (_, response) => {
    const record = { seq: 7, entry: '{"seq":7}', previousHash: HASH, hash: HASH };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`data: ${JSON.stringify(record)}\n\nevent: end\ndata: {"reason":"complete"}\n\n`);
    return undefined;
  },
};

function answers(): Answers {
  const write = scriptedWrite({ drive: stick });
  write.end({ status: 'succeeded', result: { verified: true } });
  return {
    ...write.answers,
    ...identityAnswers,
    ...containerAnswers,
    'nodes.list': () => ({ nodes: [node] }),
    'nodes.get': () => ({ ...node, hardware, sample }),
    'nodes.health': () => ({
      nodes: [
        {
          id: node.id,
          name: node.name,
          status: 'online',
          lastSeenAt: AT,
          findings: [
            {
              code: 'disk-filling',
              severity: 'warning',
              message: 'Its disk is 90 % full.',
              hint: 'Free some space.',
            },
          ],
        },
      ],
    }),
    'nodes.samples': () => ({
      node: { id: node.id, name: node.name },
      resolutionSeconds: 300,
      points: [sample],
    }),
    'nodes.update': () => node,
    'nodes.delete': () => ({ node, outcome: 'removed' }),
    'nodes.restart': () => ({ node, bootId: 'boot-1' }),
    'nodes.drain': () => ({ ...node, drained: { since: AT, reason: 'new disk' } }),
    'nodes.undrain': () => node,
    'nodes.approve': () => node,
    'nodes.reject': () => ({ ...node, status: 'failed' }),
    'nodeTokens.list': () => ({ nodeTokens: [nodeToken] }),
    'nodeTokens.create': () => ({ nodeToken, token: 'syntropy-join-1.shown.once', warnings: [] }),
    'nodeTokens.revoke': () => ({ ...nodeToken, revokedAt: AT }),
    'drives.list': () => ({
      drives: [stick, { ...stick, refusal: { code: 'DEVICE_MOUNTED', message: 'It is mounted.' } }],
    }),
    'operations.list': async (call, response) => ({
      operations: [(await write.answers['operations.get']?.(call, response)) ?? []].flat(),
    }),
    'daemon.get': () => ({
      id: '018f6e2a-0000-7000-8000-0000000000dd',
      pid: 4242,
      version: '0.1.0',
      apiVersion: '1.3',
      host: 'attic',
      startedAt: AT,
      uptimeSeconds: 61,
      stateDir: '/srv/s',
      socket: '/srv/s/daemon.sock',
      logFile: '/srv/s/logs/daemon.log',
      database: { kind: 'embedded', version: '18.4', location: '/srv/pg', schemaVersion: 1 },
      capabilities: ['usb', 'image'],
      runningOperations: 0,
      opsUrl: 'http://127.0.0.1:9464',
      caSha256: 'ab'.repeat(32),
      api: { url: 'https://attic:8080', tls: 'grid-ca', fingerprint: 'ab'.repeat(32) },
    }),
    'events.list': () => ({
      events: [
        {
          cursor: '4712',
          type: 'node.updated',
          object: { kind: 'node', id: node.id },
          payload: { name: 'node-01', changed: ['labels'] },
          createdAt: AT,
        },
      ],
      cursor: '4713',
    }),
    'daemon.backup': () => ({ path: '/srv/b', sizeBytes: 1234, rows: 56, schemaVersion: 1 }),
  };
}

/** What follows -- is not for this command. */
function inJson(line: string): readonly string[] {
  const [own = '', ...rest] = line.split(' -- ');
  return [...own.split(' '), '--json', ...rest.flatMap((words) => ['--', ...words.split(' ')])];
}

describe('the --json document of', () => {
  it.each([
    'node list',
    'node status node-01',
    'node status node-01 --history 24h',
    'node health',
    'node health node-01',
    'node wait node-01 --for provisioned',
    'node update node-01 --label site=attic',
    'node delete node-01 --yes',
    'node restart node-01',
    'node drain node-01 --reason x',
    'node undrain node-01',
    'node create --name node-01 --usb /dev/sdz --yes',
    'node create --name node-01 --usb /dev/sdz --dry-run',
    'node approve node-01',
    'node reject node-01',
    'node token list',
    'node token create --reusable 12 --approve manual',
    `node token revoke ${TOKEN}`,
    'usb list --all',
    'operation list',
    `operation show ${OPERATION}`,
    `operation wait ${OPERATION}`,
    `operation cancel ${OPERATION}`,
    'daemon status',
    'daemon backup /srv/b',
    'config list',
    'config get log.level',
    'config set log.level debug',
    'help exit-codes',
    'daemon logs',
    'daemon rotate-keys',
    'whoami',
    'member list',
    'member add ana --role member',
    'member update ana --invite',
    'member remove ana --transfer-to ben --yes',
    'token list',
    'token create ci --scope nodes:read',
    'token revoke ci',
    'role list',
    'role show auditor',
    'role set auditor --permission audit:read',
    'role remove auditor',
    'events --after 4711',
    'container list',
    'container deploy --image nginx --name web',
    'container deploy --image nginx --name web --dry-run',
    'container status web',
    'container logs web',
    'container start web',
    'container stop web',
    'container restart web',
    'container remove web --yes',
    'container exec web -- id',
    'container stats web --once',
    'container scale web 1',
    'container update web --image nginx',
    'container rollback web',
    'container history web',
    'container usage web',
    'container secret list',
    'container secret remove db --yes',
    'audit list',
    'audit verify',
    'audit export',
    'context list',
    'context use local',
  ])('%s is as it was', async (line) => {
    await using daemon = await scriptedDaemon(answers());
    await mkdir(path.join(daemon.stateDir, 'logs'));
    await writeFile(
      path.join(daemon.stateDir, 'logs', 'daemon.log'),
      `${JSON.stringify({ level: 40, time: AT, pid: 4242, route: '/v1/nodes', ms: 3, msg: 'slow' })}\n`,
    );
    const { stdout, stderr, status } = await runCli(inJson(line), daemon);
    expect([stderr, status]).toEqual(['', 0]);
    const document = stdout.replaceAll(daemon.stateDir, '/STATE');
    const name = line
      .replaceAll(OPERATION, '')
      .replaceAll(TOKEN, '')
      .replaceAll(/[^a-z0-9-]+/g, ' ')
      .trim();
    expect(document).toBe(golden(`json/${name.replaceAll(/ +/g, '-')}.json`, document));
  });

  it.each(['version', 'doctor', 'daemon install --dry-run', 'autocomplete fish', 'daemon stop'])(
    '%s begins with the version of the document',
    async (line) => {
      const { stdout, stderr } = await runCli([...line.split(' '), '--json']);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({ schemaVersion: 1 });
    },
  );
});
