import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';

import type { Membership } from '../agent-files.js';
import type { Installing } from './install.js';
import type { Log } from '../log.js';

import { decodeJoinToken, type JoinToken } from '../../contract/agent/join-token.js';
import type { ReleaseFileName } from '../../contract/agent/release.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { installAgent, type Release } from './install.js';
import { digestOf, verifiedRelease } from '../release/fetch.js';
import { wipeSecret } from './wipe-secret.js';

const MAX_SEED_BYTES = 64 << 10;
/** Where cloud-init keeps what it was told, and the partition that it was told by. */
const COPIES = ['/var/lib/cloud', '/run/cloud-init', '/dev/disk/by-label/CIDATA'] as const;

export interface Enrolling extends Installing {
  /** The folder that enrol.sh has filled. */
  readonly fetched: string;
  /** The folder with what was on the stick. */
  readonly seed: string;
  /** As `process.platform` and `process.arch`. */
  readonly platform: string;
  readonly join: (token: JoinToken) => Promise<Membership>;
  readonly log: Log;
}

/**
 * Makes a machine that has just started from a stick a node, and its agent a service that is yet to be started. Each step may be repeated, so that a power loss
 * between any two of them leaves something that this completes.
 * @throws {AppError} JOIN_TOKEN_INVALID, AGENT_JOINED (as another node), AGENT_RELEASE_INVALID, and as `join` and `installAgent`.
 */
export async function enrol(enrolling: Enrolling): Promise<void> {
  const { files, seed, fetched, platform, log } = enrolling;
  const given = await readSeed(path.join(seed, 'join.env'));
  const known = await files.membership();
  const membership = known ?? (await enrolling.join(given.token()));
  requireSame(membership, given.nodeId);
  const release = await verified(fetched, membership.caCertificate, platform);
  await installAgent(enrolling, release);
  log.info('this machine is a node', { node: membership.node.id });
  await tidyUp(enrolling);
}

/** What is left of an enrolment once the agent is installed. @throws what reading join.env fails with. */
export async function tidyUp({
  seed,
  fetched,
  log,
}: Pick<Enrolling, 'seed' | 'fetched' | 'log'>): Promise<void> {
  const { secret } = await readSeed(path.join(seed, 'join.env'));
  // The one that is read here last, so that a power loss in between is made good.
  const wiped = secret === undefined ? 0 : await wipeSecret(secret, [...COPIES, seed]);
  log.info('the token of the stick is wiped', { places: wiped });
  await rm(fetched, { recursive: true, force: true });
}

/** What is in join.env: `KEY=value` lines. After it was wiped there is no token in it. */
async function readSeed(file: string) {
  const text = (await readFile(file, 'utf8')).slice(0, MAX_SEED_BYTES);
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1];
  const token = decodeJoinToken(value('SYNTROPY_JOIN_TOKEN') ?? '');
  return {
    nodeId: value('SYNTROPY_NODE_ID') ?? '',
    /** As it is in every copy of the token. */
    secret: token && value('SYNTROPY_JOIN_TOKEN'),
    token: (): JoinToken => {
      if (token) return token;
      throw new AppError('JOIN_TOKEN_INVALID', `There is no whole join token in ${file}.`);
    },
  };
}

function requireSame({ node }: Membership, nodeId: string): void {
  if (node.id === nodeId) return;
  throw new AppError('AGENT_JOINED', `This machine is "${node.name}" already, another node.`, {
    node: node.id,
  });
}

/** Every file as the grid's authority has signed it. */
async function verified(folder: string, caCertificate: string, platform: string): Promise<Release> {
  const manifest = await readFile(path.join(folder, 'manifest'), 'utf8');
  const release = verifiedRelease(manifest, caCertificate);
  if (release.platform !== platform) {
    throw new AppError('AGENT_RELEASE_INVALID', `It is for ${release.platform}.`);
  }
  for (const { name, sha256 } of release.files) {
    if ((await digestOf(path.join(folder, name))) !== sha256) {
      throw new AppError('AGENT_RELEASE_INVALID', `${name} is not the file that was announced.`);
    }
  }
  return { version: release.version, manifest, paths: pathsIn(folder) };
}

function pathsIn(folder: string): Release['paths'] {
  const at = (name: ReleaseFileName) => path.join(folder, name);
  return {
    'agent.mjs': at('agent.mjs'),
    'launch.sh': at('launch.sh'),
    'syntropy-agent.service': at('syntropy-agent.service'),
    node: at('node'),
  };
}
