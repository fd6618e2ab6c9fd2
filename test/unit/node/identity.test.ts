import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  identityFiles,
  identityPaths,
  type NodeIdentity,
  requireMachineUrl,
  requireSshKeys,
} from '../../../src/core/services/node/identity.js';

const KEY = `ssh-ed25519 ${'A'.repeat(68)} ana@desk`;

function anIdentity(over: Partial<NodeIdentity> = {}): NodeIdentity {
  return {
    nodeId: '0198c0de-0000-7000-8000-000000000001',
    instanceId: 'i-1',
    name: 'node-01',
    daemonUrl: 'https://10.0.2.2:8080',
    caSha256: 'ab'.repeat(32),
    joinToken: 'synjoin_secret',
    joinExpiresAt: new Date('2026-11-30T10:00:00Z'),
    sshKeys: [],
    ...over,
  };
}

function text(files: ReturnType<typeof identityFiles>, path: string): string {
  return files.find((file) => file.path === path)?.text ?? '';
}

// Goal: a stick says who the machine is, and nothing in a name, key or address can say more than that.
describe('the identity on a stick', () => {
  it('is written as NoCloud files and as a shell environment', () => {
    const files = identityFiles(anIdentity({ sshKeys: [KEY] }));

    expect(files.map((file) => file.path)).toEqual(identityPaths(false));
    expect(text(files, 'meta-data')).toBe('instance-id: "i-1"\nlocal-hostname: "node-01"\n');
    expect(text(files, 'user-data')).toMatch(/^#cloud-config\nhostname: "node-01"\n/);
    expect(text(files, 'user-data')).toContain(`ssh_authorized_keys:\n  - "${KEY}"\n`);
    expect(text(files, 'syntropy/join.env').split('\n')).toEqual([
      'SYNTROPY_NAME=node-01',
      'SYNTROPY_NODE_ID=0198c0de-0000-7000-8000-000000000001',
      'SYNTROPY_DAEMON_URL=https://10.0.2.2:8080',
      `SYNTROPY_CA_SHA256=${'ab'.repeat(32)}`,
      'SYNTROPY_JOIN_TOKEN=synjoin_secret',
      'SYNTROPY_JOIN_EXPIRES=2026-11-30T10:00:00.000Z',
      '',
    ]);
  });

  it('brings what the machine joins by itself with, where it says where the daemon is', () => {
    const enrolment = {
      caCertificate: '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n',
      script: '#!/bin/sh\nexit 0\n',
      unit: '[Service]\nExecStart=/usr/local/lib/syntropy-enrol/enrol.sh /etc/syntropy\n',
    };
    const files = identityFiles(anIdentity({ enrolment }));

    expect(files.map((file) => file.path)).toEqual(identityPaths(true));
    expect(text(files, 'syntropy/ca.pem')).toBe(enrolment.caCertificate);
    expect(text(files, 'syntropy/enrol.sh')).toBe(enrolment.script);
    const data = text(files, 'user-data');
    expect(data).toContain(`content: ${JSON.stringify(enrolment.script)}\n`);
    expect(data).toContain('- [systemctl, enable, --now, --no-block, syntropy-enrol.service]\n');
  });

  it('leaves the address out when the daemon has none', () => {
    const { daemonUrl: _, ...identity } = anIdentity();

    expect(text(identityFiles(identity), 'syntropy/join.env')).not.toContain('SYNTROPY_DAEMON_URL');
  });

  it('takes public keys of OpenSSH and refuses a private one without echoing it', () => {
    expect(requireSshKeys([` ${KEY}\n`])).toEqual([KEY]);
    const secret = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk';
    expect(() => requireSshKeys([secret])).toThrow(/private key/);
    expect(() => requireSshKeys([secret])).not.toThrow(/b3BlbnNz/);
  });

  it.each([`${KEY}\n${KEY}`, 'hello', '', `${KEY}\u0007`, 'ssh-dss AAAA'])(
    'refuses %j as a key',
    (key) => {
      expect(() => requireSshKeys([key])).toThrow(
        expect.objectContaining({ code: 'INPUT_INVALID' }),
      );
    },
  );

  it.each([
    ['https://grid.example.org:8080/', 'https://grid.example.org:8080'],
    ['https://10.0.2.2:18080', 'https://10.0.2.2:18080'],
    ['https://[fd00::1]:8080', 'https://[fd00::1]:8080'],
  ])('writes the address %s as %s', (given, written) => {
    expect(requireMachineUrl(given)).toBe(written);
  });

  it('refuses an address without TLS, over which no machine would join', () => {
    expect(() => requireMachineUrl('http://10.0.2.2:18080')).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID' }),
    );
  });

  it('never lets an address break out of its line of the environment', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.webUrl({ withQueryParameters: true, withFragments: true }), fc.string()),
        (given) => {
          let url;
          try {
            url = requireMachineUrl(given);
          } catch {
            return;
          }
          expect(url).toMatch(/^https:\/\/[^\s$`'"\\;&|<>()?#]+$/);
        },
      ),
    );
  });
});
