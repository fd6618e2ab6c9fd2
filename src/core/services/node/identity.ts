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
  /** As `agent join` takes it. */
  readonly joinToken: string;
  readonly joinExpiresAt: Date;
  readonly sshKeys: readonly string[];
  /** What makes the machine a node by itself; absent where it would not find its daemon. */
  readonly enrolment?: Enrolment;
}

/** How a machine fetches the agent from its daemon and joins. */
export interface Enrolment {
  /** Of the grid's authority: what the daemon's TLS is verified by. */
  readonly caCertificate: string;
  /** deploy/agent/enrol.sh and deploy/agent/syntropy-enrol.service. */
  readonly script: string;
  readonly unit: string;
}

/** Where they are on the machine, as the unit says. */
const SEED = '/etc/syntropy';
const SCRIPT = '/usr/local/lib/syntropy-enrol/enrol.sh';
const UNIT_NAME = 'syntropy-enrol.service';

const SSH_KEY =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{40,12000}={0,2}( [\u0020-\u007e]{0,255})?$/;

/**
 * NoCloud files for one node. `meta-data` and `user-data` are what cloud-init reads from a partition
 * labelled CIDATA (https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html);
 * `syntropy/join.env` says the same to a machine without cloud-init.
 */
export function identityFiles(identity: NodeIdentity): readonly IdentityFile[] {
  const { enrolment } = identity;
  const joinEnv = joinEnvironment(identity);
  return [
    { path: 'meta-data', text: metaData(identity) },
    { path: 'user-data', text: userData(identity, joinEnv) },
    { path: 'syntropy/join.env', text: joinEnv },
    ...(enrolment
      ? [
          { path: 'syntropy/ca.pem', text: enrolment.caCertificate },
          { path: 'syntropy/enrol.sh', text: enrolment.script },
        ]
      : []),
  ];
}

/** Paths of `identityFiles`, for a plan that must not make a token. */
export function identityPaths(joins: boolean): readonly string[] {
  const paths = ['meta-data', 'user-data', 'syntropy/join.env'];
  return joins ? [...paths, 'syntropy/ca.pem', 'syntropy/enrol.sh'] : paths;
}

function metaData(identity: NodeIdentity): string {
  return `instance-id: ${quoted(identity.instanceId)}\nlocal-hostname: ${quoted(identity.name)}\n`;
}

function userData({ name, sshKeys, enrolment }: NodeIdentity, joinEnv: string): string {
  const keys = sshKeys.map((key) => `  - ${quoted(key)}\n`).join('');
  return [
    '#cloud-config\n',
    `hostname: ${quoted(name)}\n`,
    keys && `ssh_authorized_keys:\n${keys}`,
    'write_files:\n',
    writtenFile(`${SEED}/join.env`, '0600', joinEnv),
    ...(enrolment ? enrolmentData(enrolment) : []),
  ].join('');
}

/** The rest of `write_files`, and what starts it. The service tries until it succeeds; cloud-init has only this one first boot. */
function enrolmentData({ caCertificate, script, unit }: Enrolment): readonly string[] {
  return [
    writtenFile(`${SEED}/ca.pem`, '0644', caCertificate),
    writtenFile(SCRIPT, '0755', script),
    writtenFile(`/etc/systemd/system/${UNIT_NAME}`, '0644', unit),
    'runcmd:\n',
    '  - [systemctl, daemon-reload]\n',
    `  - [systemctl, enable, --now, --no-block, ${UNIT_NAME}]\n`,
  ];
}

function writtenFile(path: string, permissions: string, text: string): string {
  return [
    `  - path: ${path}\n`,
    `    permissions: "${permissions}"\n`,
    `    content: ${quoted(text)}\n`,
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
function requireDaemonUrl(text: string): string {
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

/**
 * The daemon's address as machines look for it: they join over TLS, or not at all.
 * @throws {AppError} INPUT_INVALID.
 */
export function requireMachineUrl(text: string): string {
  const url = requireDaemonUrl(text);
  if (url.startsWith('https:')) return url;
  throw new AppError('INPUT_INVALID', 'Machines join over https only.', { field: 'daemonUrl' });
}
