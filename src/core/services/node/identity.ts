import { AppError } from '../../types/errors/app-error.js';

import type { IdentityFile } from '../../types/models/stick.js';

/** Who a machine is told to be. Everything here may be read by whoever holds the stick: no private key is in it. */
export interface NodeIdentity {
  readonly nodeId: string;
  /** Differs with every writing, so that cloud-init treats a re-flashed stick as a new instance. */
  readonly instanceId: string;
  readonly name: string;
  readonly daemonUrl?: string;
  readonly caSha256: string;
  readonly joinToken: string;
  readonly joinExpiresAt: Date;
  readonly sshKeys: readonly string[];
}

const SSH_KEY =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{40,12000}={0,2}( [\u0020-\u007e]{0,255})?$/;

/**
 * NoCloud files for one node. `meta-data` and `user-data` are what cloud-init reads from a partition
 * labelled CIDATA (https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html);
 * `syntropy/join.env` says the same to a machine without cloud-init.
 */
export function identityFiles(identity: NodeIdentity): readonly IdentityFile[] {
  const joinEnv = joinEnvironment(identity);
  return [
    { path: 'meta-data', text: metaData(identity) },
    { path: 'user-data', text: userData(identity, joinEnv) },
    { path: 'syntropy/join.env', text: joinEnv },
  ];
}

/** Paths of `identityFiles`, for a plan that must not make a token. */
export const identityPaths = ['meta-data', 'user-data', 'syntropy/join.env'] as const;

function metaData(identity: NodeIdentity): string {
  return `instance-id: ${quoted(identity.instanceId)}\nlocal-hostname: ${quoted(identity.name)}\n`;
}

function userData(identity: NodeIdentity, joinEnv: string): string {
  const keys = identity.sshKeys.map((key) => `  - ${quoted(key)}\n`).join('');
  return [
    '#cloud-config\n',
    `hostname: ${quoted(identity.name)}\n`,
    keys && `ssh_authorized_keys:\n${keys}`,
    'write_files:\n',
    '  - path: /etc/syntropy/join.env\n',
    '    permissions: "0600"\n',
    `    content: ${quoted(joinEnv)}\n`,
  ].join('');
}

/** `KEY=value` lines that a POSIX shell can source: every value is free of quotes, spaces and `$`. */
function joinEnvironment(identity: NodeIdentity): string {
  return [
    `SYNTROPY_NAME=${identity.name}`,
    `SYNTROPY_NODE_ID=${identity.nodeId}`,
    ...(identity.daemonUrl ? [`SYNTROPY_DAEMON_URL=${identity.daemonUrl}`] : []),
    `SYNTROPY_CA_SHA256=${identity.caSha256}`,
    `SYNTROPY_JOIN_TOKEN=${identity.joinToken}`,
    `SYNTROPY_JOIN_EXPIRES=${identity.joinExpiresAt.toISOString()}`,
    '',
  ].join('\n');
}

/** A JSON string is a YAML double-quoted scalar (YAML 1.2 §1.3), so nothing in it can end the value. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/**
 * The keys without surrounding white space.
 * @throws {AppError} INPUT_INVALID for what is no single OpenSSH public key; a private key is never echoed.
 */
export function requireSshKeys(keys: readonly string[]): readonly string[] {
  return keys.map((key, index) => {
    const trimmed = key.trim();
    if (SSH_KEY.test(trimmed)) return trimmed;
    const what = trimmed.includes('PRIVATE KEY')
      ? 'is a private key; give the public one (.pub)'
      : 'is not a single OpenSSH public key';
    throw new AppError('INPUT_INVALID', `SSH key ${index + 1} ${what}.`, { field: 'sshKeys' });
  });
}

/**
 * The daemon's address as it is put on a stick: scheme, host and port, no user, no query.
 * @throws {AppError} INPUT_INVALID.
 */
export function requireDaemonUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const usable =
    url &&
    (url.protocol === 'https:' || url.protocol === 'http:') &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '' &&
    /^[A-Za-z0-9.:[\]/_~-]+$/.test(url.href);
  if (!usable) {
    throw new AppError(
      'INPUT_INVALID',
      'The daemon URL must be like https://grid.example.org:8080, without user, query or fragment.',
      { field: 'daemonUrl' },
    );
  }
  return url.href.replace(/\/$/, '');
}
