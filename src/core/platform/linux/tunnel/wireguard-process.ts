import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import type { Uapi } from '../../common/wireguard/uapi.js';
import type { Programs } from './programs.js';

import { AppError } from '../../../types/errors/app-error.js';

const PROGRAM = 'wireguard-go';
/** In the environment of a process from its first moment on, and nobody else's: by this it is known to be ours. */
const MARK = 'SYNTROPY_TUNNEL';
const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;
const POLL_MS = 20;

export interface ProcessPlaces {
  readonly proc: string;
  /** Is there where systemd runs the machine. */
  readonly systemd: string;
  readonly socketPath: string;
}

/**
 * The `wireguard-go` that holds an interface. It puts itself into the background and outlives whoever started it: packets flow while no agent runs. An
 * interface of its kind is there for as long as the process is.
 */
export class WireguardProcess {
  readonly #name: string;
  readonly #mark: string;
  readonly #programs: Programs;
  readonly #uapi: Uapi;
  readonly #places: ProcessPlaces;
  #pid: number | undefined;

  constructor(name: string, owner: string, programs: Programs, uapi: Uapi, places: ProcessPlaces) {
    this.#name = name;
    this.#mark = `${MARK}=${owner}`;
    this.#programs = programs;
    this.#uapi = uapi;
    this.#places = places;
  }

  /** The process, where it runs and is ours. */
  async find(): Promise<number | undefined> {
    if (this.#pid !== undefined && (await this.#isOurs(this.#pid))) return this.#pid;
    this.#pid = undefined;
    for (const entry of await readdir(this.#places.proc)) {
      if (!/^\d+$/.test(entry) || !(await this.#isOurs(Number(entry)))) continue;
      this.#pid = Number(entry);
      break;
    }
    return this.#pid;
  }

  /** Makes the interface. @throws {AppError} INTERFACE_TAKEN, TUNNEL_FAILED, TUNNEL_UNSUPPORTED, TIMED_OUT. */
  async start(): Promise<void> {
    // One folder of sockets serves every network namespace of the machine.
    if (await this.#uapi.isAnswering()) {
      throw new AppError(
        'INTERFACE_TAKEN',
        `Another WireGuard on this machine has the name ${this.#name}.`,
        { interface: this.#name },
      );
    }
    const env = Object.fromEntries([this.#mark.split('=', 2)]);
    await this.#programs.run(PROGRAM, [this.#name], { env, under: this.#scope() });
    await this.#until('come up', START_TIMEOUT_MS, async () => {
      return (await this.find()) !== undefined && (await this.#uapi.isAnswering());
    });
  }

  /** Ends it, and with it the interface. */
  async stop(): Promise<void> {
    const pid = await this.find();
    if (pid === undefined) return;
    const hasEnded = async () => !(await this.#isOurs(pid));
    kill(pid, 'SIGTERM');
    try {
      await this.#until('end', STOP_TIMEOUT_MS, hasEnded);
    } catch {
      kill(pid, 'SIGKILL');
      await this.#until('end', STOP_TIMEOUT_MS, hasEnded);
    }
    this.#pid = undefined;
    await this.sweep();
  }

  /** Takes away the socket that a process left which was killed. */
  async sweep(): Promise<void> {
    if (await this.#uapi.isAnswering()) return;
    await rm(this.#places.socketPath, { force: true });
  }

  /** A service takes all that it started with it when it ends; a scope of its own is not the service's. */
  #scope(): readonly string[] {
    if (!existsSync(this.#places.systemd)) return [];
    const what = `--description=Syntropy mesh on ${this.#name}`;
    return ['systemd-run', '--scope', '--quiet', '--collect', what, '--'];
  }

  /** One that has ended and is not buried yet has no command line any more. */
  async #isOurs(pid: number): Promise<boolean> {
    const folder = path.join(this.#places.proc, String(pid));
    try {
      const words = (await readFile(path.join(folder, 'cmdline'), 'utf8')).split('\0');
      if (path.basename(words[0] ?? '') !== PROGRAM || words[1] !== this.#name) return false;
      // Anybody may give a process of his own any environment.
      if ((await stat(folder)).uid !== process.getuid?.()) return false;
      return (await readFile(path.join(folder, 'environ'), 'utf8'))
        .split('\0')
        .includes(this.#mark);
    } catch {
      return false;
    }
  }

  async #until(what: string, timeoutMs: number, isSo: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await isSo())) {
      if (Date.now() > deadline) {
        throw new AppError('TIMED_OUT', `${PROGRAM} for ${this.#name} does not ${what}.`);
      }
      await pause(POLL_MS);
    }
  }
}

function kill(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
