import { createHash } from 'node:crypto';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
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
  /** Of the release, as `place` has answered. */
  id: Type.String(),
});
export type Trial = Static<typeof Trial>;

const MANIFEST = 'manifest';
const STAGED = '.staged-';
/** What was staged so long ago is nobody's any more. */
const ABANDONED_MS = 2 * 3_600_000;

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

  /** An empty folder for the files of a release. */
  async stage(): Promise<string> {
    await mkdir(this.#releases, { recursive: true, mode: 0o755 });
    return mkdtemp(path.join(this.#releases, STAGED));
  }

  /** Puts a folder with all files of a release in its place, and answers the id that it has from then on. */
  async place(folder: string, manifest: string, version: string): Promise<string> {
    const id = `${version}-${createHash('sha256').update(manifest).digest('hex').slice(0, 12)}`;
    await writeFileAtomic(path.join(folder, MANIFEST), manifest, 0o644);
    const placed = path.join(this.#releases, id);
    // The same release, from an earlier time.
    if (id !== (await this.currentId())) await rm(placed, { recursive: true, force: true });
    await rename(folder, placed).catch(async (error: unknown) => {
      if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error;
      await rm(folder, { recursive: true, force: true });
    });
    await syncDirectory(this.#releases);
    return id;
  }

  /** Makes a release the current one, and what was current the previous one. */
  async use(id: string): Promise<void> {
    const before = await this.currentId();
    if (before === id) return;
    if (before !== undefined) await this.#point('previous', before);
    await this.#point('current', id);
    // Room that is not given back costs nobody the release.
    await this.#prune().catch(() => undefined);
  }

  /** What starts the agent stays as it was installed, whatever becomes of releases. */
  async placeLauncher(): Promise<void> {
    const launcher = path.join(this.directory, 'launch.sh');
    await writeFileAtomic(launcher, await readFile(path.join(this.current, 'launch.sh')), 0o755);
  }

  /** To be called before the release is made current. What the launcher reads is whole once `trial.json` is there. */
  async beginTrial(trial: Trial): Promise<void> {
    await this.endTrial();
    await writeFileAtomic(this.#file('trial.id'), `${trial.id}\n`, 0o644);
    await writeFileAtomic(this.#file('trial.json'), `${JSON.stringify(trial)}\n`, 0o644);
  }

  /** The release that runs has proved itself, or is not tried any more; and what came to nothing before is forgotten. */
  async endTrial(): Promise<void> {
    for (const name of ['trial.json', 'trial.starts', 'trial.id', 'failed.json']) {
      await rm(this.#file(name), { force: true });
    }
  }

  trial(): Promise<Trial | undefined> {
    return this.#read('trial.json');
  }

  /** What came to nothing last. */
  failed(): Promise<Trial | undefined> {
    return this.#read('failed.json');
  }

  async currentId(): Promise<string | undefined> {
    return this.#target('current');
  }

  get #releases(): string {
    return path.join(this.directory, 'releases');
  }

  #file(name: string): string {
    return path.join(this.directory, name);
  }

  async #read(name: string): Promise<Trial | undefined> {
    const text = await readFile(this.#file(name), 'utf8').catch(() => '');
    const value = parsedJson(text);
    return Check(Trial, value) ? value : undefined;
  }

  async #target(name: 'current' | 'previous'): Promise<string | undefined> {
    const target = await readlink(this.#file(name)).catch(() => undefined);
    return target === undefined ? undefined : path.basename(target);
  }

  async #point(name: 'current' | 'previous', id: string): Promise<void> {
    const link = this.#file(name);
    await rm(`${link}.new`, { force: true });
    await symlink(path.join('releases', id), `${link}.new`);
    await rename(`${link}.new`, link);
    await syncDirectory(this.directory);
  }

  async #prune(): Promise<void> {
    const kept = new Set([await this.#target('current'), await this.#target('previous')]);
    for (const id of await readdir(this.#releases)) {
      const folder = path.join(this.#releases, id);
      const isOthers =
        id.startsWith(STAGED) && Date.now() - (await stat(folder)).mtimeMs < ABANDONED_MS;
      if (!kept.has(id) && !isOthers) await rm(folder, { recursive: true, force: true });
    }
  }
}
