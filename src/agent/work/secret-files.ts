import { chmod, chown, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Type } from 'typebox';
import { Check } from 'typebox/value';

import type { Assignment } from '../../contract/agent/work.js';

import { syncDirectory } from '../../core/storage/files/atomic-file.js';
import { errorCode } from '../../core/types/errors/error-code.js';
import { type Held, leaseId } from './lease.js';

/** No name of a secret begins with a dot. */
const REGISTRY_FILE = '.registry';
const RegistryAuth = Type.Object({ username: Type.String(), password: Type.String() });
type RegistryAuth = NonNullable<Assignment['registryAuth']>;

/**
 * The secrets of what runs here, a file each, under folders that only the owner of this process can enter. A container is handed the file alone. Where
 * its user is a number, the file is that user's; otherwise whoever it runs as, which only its image knows, has to be able to read it: everybody may then, who
 * gets there, and nobody but the container does.
 */
export class SecretFiles {
  readonly #directory: string;

  /** @param directory - of the agent. */
  constructor(directory: string) {
    this.#directory = path.join(directory, 'secrets');
  }

  /** Resolves when they lie on the disk. A container that runs keeps what it has until its next start. */
  async save({ lease, specHash, spec, secrets, registryAuth }: Assignment): Promise<void> {
    if (secrets.length === 0 && !registryAuth) return;
    const folder = this.#folder(lease, specHash);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const owner = numericUser(spec.confinement.user);
    for (const { name, base64 } of secrets) {
      await this.#write(path.join(folder, name), Buffer.from(base64, 'base64'), owner);
    }
    if (registryAuth) {
      const auth = Buffer.from(JSON.stringify(registryAuth));
      await this.#write(path.join(folder, REGISTRY_FILE), auth, undefined, 0o600);
    }
    for (const made of [folder, path.dirname(folder), this.#directory]) await syncDirectory(made);
  }

  /** Where they are, by name. */
  paths({ lease, specHash, spec }: Held): ReadonlyMap<string, string> {
    const folder = this.#folder(lease, specHash);
    return new Map(spec.secrets.map(({ name }) => [name, path.join(folder, name)]));
  }

  /** What opens the registry; undefined where it needs nothing. */
  async registryAuth({ lease, specHash }: Held): Promise<RegistryAuth | undefined> {
    const file = path.join(this.#folder(lease, specHash), REGISTRY_FILE);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const auth: unknown = JSON.parse(text);
    return Check(RegistryAuth, auth) ? auth : undefined;
  }

  /** Takes away what no container needs any more. @param hashes - of the specs that still do. */
  async keepOnly(lease: string, hashes: ReadonlySet<string>): Promise<void> {
    const folder = this.#folderOf(lease);
    if (hashes.size === 0) return rm(folder, { recursive: true, force: true });
    for (const hash of await names(folder)) {
      if (!hashes.has(hash)) await rm(path.join(folder, hash), { recursive: true, force: true });
    }
  }

  /** Leases that have any. */
  leases(): Promise<readonly string[]> {
    return names(this.#directory);
  }

  /** All of them: this machine is no node any more. */
  wipe(): Promise<void> {
    return rm(this.#directory, { recursive: true, force: true });
  }

  #folder(lease: string, specHash: string): string {
    return path.join(this.#folderOf(lease), specHash);
  }

  /** What is not an id could be a way out of here. */
  #folderOf(lease: string): string {
    return path.join(this.#directory, leaseId(lease));
  }

  /** Complete or not there, and never open to others before it is whose it is to be. */
  async #write(file: string, bytes: Buffer, owner: number | undefined, mode?: number) {
    const temporary = `${file}.tmp`;
    await rm(temporary, { force: true });
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const isOwned = owner !== undefined && (await isGiven(temporary, owner));
    await chmod(temporary, mode ?? (isOwned ? 0o400 : 0o444));
    await rename(temporary, file);
  }
}

/** Who is not root gives nothing away. */
async function isGiven(file: string, owner: number): Promise<boolean> {
  try {
    await chown(file, owner, -1);
    return true;
  } catch {
    return false;
  }
}

/** `1000`, or `1000:1000`; a name means what the image says. */
function numericUser(user: string | undefined): number | undefined {
  const [, uid] = /^(\d{1,9})(?::\d{1,9})?$/.exec(user ?? '') ?? [];
  return uid === undefined ? undefined : Number(uid);
}

async function names(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
}
