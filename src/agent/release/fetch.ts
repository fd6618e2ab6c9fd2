import { createHash, verify, X509Certificate } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, link, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

import {
  MAX_MANIFEST_BYTES,
  parseRelease,
  RELEASE_FILES_PATH,
  type ReleaseFile,
  releaseFiles,
  RELEASES_PATH,
  type SignedRelease,
} from '../../contract/agent/release.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { errorCode } from '../../core/types/errors/error-code.js';
import { askGrid, failureOf, readAnswer } from '../grid-request.js';

const MANIFEST_TIMEOUT_MS = 30_000;
/** For one file: a slow line has an hour for the largest of them. */
const FILE_TIMEOUT_MS = 3_600_000;

export interface Source {
  readonly url: URL;
  readonly caCertificate: string;
  /** Ends it at any time. */
  readonly signal: AbortSignal;
}

/** A manifest as it was sent, and what it says. */
export interface Manifest {
  readonly text: string;
  readonly release: SignedRelease;
}

/** What the daemon says of a release. @throws {AppError} as `askGrid`, AGENT_RELEASE_INVALID. */
export async function fetchManifest(
  { url, caCertificate, signal }: Source,
  version: string,
  platform: string,
): Promise<Manifest> {
  const response = await askGrid({
    url,
    caCertificate,
    path: `${RELEASES_PATH}/${version}/${platform}`,
    signal: AbortSignal.any([signal, AbortSignal.timeout(MANIFEST_TIMEOUT_MS)]),
  });
  const text = await readAnswer(response, MAX_MANIFEST_BYTES, url);
  const release = verifiedRelease(text, caCertificate);
  if (release.version === version && release.platform === platform) return { text, release };
  throw invalid(`it is ${release.version} for ${release.platform}, which was not asked for`);
}

/** @throws {AppError} AGENT_RELEASE_INVALID for what the grid's authority has not signed. */
export function verifiedRelease(text: string, caCertificate: string): SignedRelease {
  const release = parseRelease(text);
  if (!release) throw invalid('its manifest cannot be understood');
  const { publicKey: key } = new X509Certificate(caCertificate);
  const signature = Buffer.from(release.signature, 'base64');
  if (verify('sha256', Buffer.from(release.signedText), key, signature)) return release;
  throw invalid('it is not signed by the authority of this grid');
}

/**
 * Brings the files of a release into a folder. What `present` holds already, in the same bytes, is linked and not sent again.
 * @throws {AppError} as `askGrid`, AGENT_RELEASE_INVALID, DISK_FULL.
 */
export async function fetchFiles(
  source: Source,
  files: readonly ReleaseFile[],
  folder: string,
  present: string,
): Promise<void> {
  for (const file of files) {
    const to = path.join(folder, file.name);
    const there = path.join(present, file.name);
    if ((await digestOf(there)) === file.sha256) await linkOrCopy(there, to);
    else await fetchFile(source, file, to);
  }
}

async function fetchFile(
  { url, caCertificate, signal: stop }: Source,
  { name, sha256, sizeBytes }: ReleaseFile,
  to: string,
): Promise<void> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(FILE_TIMEOUT_MS)]);
  const response = await askGrid({
    url,
    caCertificate,
    path: `${RELEASE_FILES_PATH}/${sha256}`,
    signal,
  });
  const hash = createHash('sha256');
  const mode = releaseFiles[name].isProgram ? 0o755 : 0o644;
  try {
    await pipeline(
      response,
      createGunzip(),
      hashed(hash, sizeBytes),
      createWriteStream(to, { mode, flags: 'wx' }),
      { signal },
    );
    await synced(to);
  } catch (error) {
    await rm(to, { force: true });
    if (errorCode(error) === 'ENOSPC') {
      throw new AppError('DISK_FULL', `There is no room for ${name} of the new agent.`);
    }
    throw failureOf(error, url);
  }
  if (hash.digest('hex') !== sha256) throw invalid(`${name} did not arrive as it was sent`);
}

/** Passes on what it hashes, and no more than was announced. */
function hashed(hash: ReturnType<typeof createHash>, sizeBytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      seen += chunk.length;
      if (seen > sizeBytes) return done(invalid('a file is longer than announced'));
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

/** Undefined for what is not there. */
export async function digestOf(file: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(file), hash);
    return hash.digest('hex');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  // Copied where the file system has no links, or they are on two.
  await link(from, to).catch(() => copySynced(from, to));
}

/** A copy that lasts through a power loss. */
export async function copySynced(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await synced(to);
}

async function synced(file: string): Promise<void> {
  const handle = await open(file, 'r');
  await handle.sync().finally(() => handle.close());
}

function invalid(why: string): AppError {
  return new AppError('AGENT_RELEASE_INVALID', `What the daemon offers is no agent: ${why}.`);
}
