import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { Check } from 'typebox/value';

import { syncDirectory, writeFileAtomic } from '../../core/storage/files/atomic-file.js';
import { errorCode } from '../../core/types/errors/error-code.js';
import { parsedJson } from '../grid-request.js';

/** A new release that has to prove itself, or one that did not. `deploy/agent/launch.sh` reads and moves the same files. */
const Trial = Type.Object({
  version: Type.String(),
  /** Which order this was, so that the same one is not tried again. */
  order: Type.Integer(),
  from: Type.String(),
});
export type Trial = Static<typeof Trial>;

const MANIFEST = 'manifest';

/**
 * Where an installed agent lives: `releases/<id>/…`, with `current` and `previous` pointing at two of them. What is current changes in
 * one step, so that a power loss leaves the one or the other.
 */
export class ReleaseHome {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  get current(): string {
    return path.join(this.directory, 'current');
  }

  /** An empty folder for the files of a release. What an earlier try has left is removed. */
  async stage(): Promise<string> {
    const folder = path.join(this.#releases, '.staged');
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o755 });
    return folder;
  }

  /** Puts a folder with all files of a release in its place, and answers the id that it has from then on. */
  async place(folder: string, manifest: string, version: string): Promise<string> {
    const id = `${version}-${createHash('sha256').update(manifest).digest('hex').slice(0, 12)}`;
    await writeFileAtomic(path.join(folder, MANIFEST), manifest, 0o644);
    const placed = path.join(this.#releases, id);
    await mkdir(this.#releases, { recursive: true, mode: 0o755 });
    // The same release, from an earlier time.
    if (id !== (await this.#target('current'))) await rm(placed, { recursive: true, force: true });
    await rename(folder, placed).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
    });
    await syncDirectory(this.#releases);
    return id;
  }

  /** Makes a release the current one, and what was current the previous one. */
  async use(id: string): Promise<void> {
    const before = await this.#target('current');
    if (before === id) return;
    if (before !== undefined) await this.#point('previous', before);
    await this.#point('current', id);
    await this.#prune();
  }

  /** What starts the agent stays as it was installed, whatever becomes of releases. */
  async placeLauncher(): Promise<void> {
    const launcher = path.join(this.directory, 'launch.sh');
    await writeFileAtomic(launcher, await readFile(path.join(this.current, 'launch.sh')), 0o755);
  }

  async beginTrial(trial: Trial): Promise<void> {
    await rm(path.join(this.directory, 'failed.json'), { force: true });
    await rm(path.join(this.directory, 'trial.starts'), { force: true });
    await writeFileAtomic(
      path.join(this.directory, 'trial.json'),
      `${JSON.stringify(trial)}\n`,
      0o644,
    );
  }

  /** The release that runs has proved itself, or is not tried any more. */
  async endTrial(): Promise<void> {
    await rm(path.join(this.directory, 'trial.json'), { force: true });
    await rm(path.join(this.directory, 'trial.starts'), { force: true });
  }

  trial(): Promise<Trial | undefined> {
    return this.#read('trial.json');
  }

  /** What came to nothing last. */
  failed(): Promise<Trial | undefined> {
    return this.#read('failed.json');
  }

  get #releases(): string {
    return path.join(this.directory, 'releases');
  }

  async #read(name: string): Promise<Trial | undefined> {
    const text = await readFile(path.join(this.directory, name), 'utf8').catch(() => '');
    const value = parsedJson(text);
    return Check(Trial, value) ? value : undefined;
  }

  async #target(name: 'current' | 'previous'): Promise<string | undefined> {
    const target = await readlink(path.join(this.directory, name)).catch(() => undefined);
    return target === undefined ? undefined : path.basename(target);
  }

  async #point(name: 'current' | 'previous', id: string): Promise<void> {
    const link = path.join(this.directory, name);
    await rm(`${link}.new`, { force: true });
    await symlink(path.join('releases', id), `${link}.new`);
    await rename(`${link}.new`, link);
    await syncDirectory(this.directory);
  }

  async #prune(): Promise<void> {
    const kept = new Set([await this.#target('current'), await this.#target('previous')]);
    for (const id of await readdir(this.#releases)) {
      if (!kept.has(id)) await rm(path.join(this.#releases, id), { recursive: true, force: true });
    }
  }
}
