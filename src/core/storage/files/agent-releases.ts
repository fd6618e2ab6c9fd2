import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

import type {
  AgentReleases,
  OfferedFile,
  OfferedRelease,
} from '../../services/node/release.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { errorCode } from '../../types/errors/error-code.js';
import { quoted } from '../../utils/quoted.js';

/** Fast enough for a first request that waits, and within a tenth of the best. */
const GZIP_LEVEL = 6;
const MAX_VERSIONS = 100;
const MAX_TOLD = 1_000;
const ABANDONED_MS = 3_600_000;
/** Whoever asks for what there is not costs a look at the folders once in this time. */
const OFFERED_MS = 5_000;

export interface ReleaseSources {
  /** The release that was built with this daemon. */
  readonly own: { readonly version: string; readonly directory: string };
  /** A folder of more, each in a folder with the name of its version; what has another name is no release. */
  readonly more: string | undefined;
  readonly isVersion: (name: string) => boolean;
  /** Names of the files that are the same on every platform; `node` comes beside them. */
  readonly names: readonly string[];
  /** Node for a platform, or undefined. A release may bring its own, as `node-<platform>`. */
  readonly runtime: (platform: string) => string | undefined;
  /** Where packed files are kept. What is in there can be made again. */
  readonly cache: string;
}

/** Releases as folders. Files are hashed once for each time that they change, and packed once. */
export class ReleaseFolders implements AgentReleases {
  readonly #sources: ReleaseSources;
  readonly #hashes = new Map<string, Promise<string>>();
  readonly #packing = new Map<string, Promise<string>>();
  /** By hash, what was put into a manifest last. */
  #told = new Map<string, OfferedFile>();
  #seen: { readonly at: number; readonly files: Promise<readonly OfferedFile[]> } | undefined;

  constructor(sources: ReleaseSources) {
    this.#sources = sources;
  }

  async versions(): Promise<readonly string[]> {
    const { own, more, isVersion } = this.#sources;
    const names = more === undefined ? [] : (await folders(more)).filter(isVersion);
    return [...new Set([own.version, ...names])].slice(0, MAX_VERSIONS);
  }

  async resolve(asked: string): Promise<string> {
    const { own } = this.#sources;
    const known = await this.versions();
    const version = asked === 'latest' ? own.version : asked;
    if (known.includes(version)) return version;
    throw new AppError(
      'AGENT_RELEASE_NOT_FOUND',
      `This daemon has no agent ${quoted(asked)}; it has ${known.join(', ')}.`,
      { version: asked },
    );
  }

  async find(asked: string, platform: string): Promise<OfferedRelease> {
    const { own, more, names, runtime } = this.#sources;
    const version = await this.resolve(asked);
    const directory = version === own.version ? own.directory : path.join(more ?? '', version);
    const brought = path.join(directory, `node-${platform}`);
    const node = (await exists(brought)) ? brought : runtime(platform);
    if (node === undefined) {
      throw new AppError(
        'AGENT_RELEASE_NOT_FOUND',
        `This daemon has no Node for agents on ${quoted(platform)}.`,
        { version, platform },
      );
    }
    const files: OfferedFile[] = [];
    for (const name of names) files.push(await this.#measured(name, path.join(directory, name)));
    files.push(await this.#measured('node', node));
    if (this.#told.size > MAX_TOLD) this.#told.clear();
    for (const file of files) this.#told.set(file.sha256, file);
    return { version, platform, files };
  }

  async packed(sha256: string): Promise<string> {
    const packed = path.join(this.#sources.cache, `${sha256}.gz`);
    if (await exists(packed)) return packed;
    const running = this.#packing.get(sha256) ?? this.#pack(sha256, packed);
    this.#packing.set(sha256, running);
    return running.finally(() => this.#packing.delete(sha256));
  }

  /** Only what a release consists of can be asked for, and only that is kept. */
  async #pack(sha256: string, packed: string): Promise<string> {
    const file =
      this.#told.get(sha256) ?? (await this.#lately()).find((one) => one.sha256 === sha256);
    if (!file) {
      throw new AppError('AGENT_RELEASE_NOT_FOUND', 'No release of the agent has such a file.');
    }
    await pack(file, packed);
    const offered = await this.#offered();
    const kept = new Set(offered.map((one) => `${one.sha256}.gz`));
    for (const name of await readdir(this.#sources.cache)) {
      const old = path.join(this.#sources.cache, name);
      if (!kept.has(name) && (name.endsWith('.gz') || (await isAbandoned(old)))) {
        await rm(old, { force: true });
      }
    }
    return packed;
  }

  #lately(): Promise<readonly OfferedFile[]> {
    const at = Date.now();
    if (this.#seen && at - this.#seen.at < OFFERED_MS) return this.#seen.files;
    this.#seen = { at, files: this.#offered() };
    return this.#seen.files;
  }

  async #offered(): Promise<readonly OfferedFile[]> {
    const files: OfferedFile[] = [];
    for (const version of await this.versions()) {
      for (const platform of PLATFORMS) {
        const release = await this.find(version, platform).catch(() => undefined);
        files.push(...(release?.files ?? []));
      }
    }
    return files;
  }

  async #measured(name: string, file: string): Promise<OfferedFile> {
    const { size, mtimeMs, ino } = await stat(file).catch((error: unknown) => {
      throw new AppError(
        'AGENT_RELEASE_NOT_FOUND',
        `A file of the release is missing here: ${path.basename(file)} (${errorCode(error)}).`,
      );
    });
    const key = [file, size, mtimeMs, ino].join('|');
    const hash = this.#hashes.get(key) ?? sha256Of(file);
    this.#hashes.set(key, hash);
    // One that failed is tried again.
    hash.catch(() => this.#hashes.delete(key));
    return { name, path: file, sha256: await hash, sizeBytes: size };
  }
}

/** Those that an agent can be installed on. */
const PLATFORMS = ['linux-x64', 'linux-arm64'] as const;

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Whole or not at all, for another daemon on the same directory may serve it already. */
async function pack({ path: file, sha256 }: OfferedFile, packed: string): Promise<void> {
  await mkdir(path.dirname(packed), { recursive: true, mode: 0o700 });
  const temporary = `${packed}.${randomUUID()}.tmp`;
  const hash = createHash('sha256');
  try {
    const source = createReadStream(file).on('data', (chunk) => hash.update(chunk));
    await pipeline(
      source,
      createGzip({ level: GZIP_LEVEL }),
      createWriteStream(temporary, { mode: 0o600 }),
    );
    if (hash.digest('hex') !== sha256) {
      throw new AppError('AGENT_RELEASE_NOT_FOUND', 'This file was replaced just now; ask anew.');
    }
    const handle = await open(temporary, 'r');
    await handle.sync().finally(() => handle.close());
    await rename(temporary, packed);
  } catch (error) {
    await rm(temporary, { force: true });
    if (errorCode(error) !== 'ENOSPC') throw error;
    throw new AppError('DISK_FULL', 'There is no room to pack the agent for nodes.');
  }
}

/** What a packing that was killed has left. */
async function isAbandoned(file: string): Promise<boolean> {
  const stats = await stat(file).catch(() => undefined);
  return stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_MS;
}

async function folders(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
