import { spawn } from 'node:child_process';
import { mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';

import { scratchFolder } from './scratch.js';

/** Where an installation writes to on a machine. */
const SYSTEM = ['/usr/local/lib', '/var/lib', '/etc/systemd/system', '/etc/syntropy'] as const;
const TIMEOUT_MS = 120_000;

/** This system with folders of the test's own in the place of those that an installation writes to: what it does is seen, and undone. */
export async function privateSystem() {
  const scratch = await scratchFolder();
  const inside = (file: string) => path.join(scratch.path, file);
  for (const folder of SYSTEM) await mkdir(inside(folder), { recursive: true });
  // What is mounted over has to be there; of what was not, nothing is left.
  const made: string[] = [];
  for (const folder of SYSTEM) {
    const first = await mkdir(folder, { recursive: true });
    if (first !== undefined) made.push(folder);
  }
  const mounts = SYSTEM.map((folder) => `mount --bind "$0${folder}" ${folder}`).join(' && ');
  return {
    /** Where a file of that system is for the test. */
    inside,
    /** Runs a program there. */
    run: (program: string, ...args: readonly string[]) =>
      new Promise<{ readonly status: number | null; readonly output: string }>(
        (resolve, reject) => {
          const child = spawn(
            'unshare',
            ['--mount', '--', 'sh', '-c', `${mounts} && exec "$@"`, scratch.path, program, ...args],
            { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS, killSignal: 'SIGKILL' },
          );
          let output = '';
          for (const stream of [child.stdout, child.stderr]) {
            stream.setEncoding('utf8').on('data', (text: string) => {
              output += text;
            });
          }
          child.once('error', reject);
          child.once('close', (status) => resolve({ status, output }));
        },
      ),
    async [Symbol.asyncDispose]() {
      for (const folder of made) await rmdir(folder);
      await scratch[Symbol.asyncDispose]();
    },
  };
}
