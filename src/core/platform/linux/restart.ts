import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

import { AppError } from '../../types/errors/app-error.js';
import { errorCode } from '../../types/errors/error-code.js';

const TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 16 << 10;

const run = promisify(execFile);

/**
 * Starts this machine anew: in order by its service manager, or with `force` as soon as its file systems are unmounted
 * (systemctl(1), reboot(8)). Resolves when the request was taken.
 * @throws {AppError} CAPABILITY_MISSING, PERMISSION_DENIED, TIMED_OUT.
 */
export async function restartLinux(force: boolean): Promise<void> {
  const [program, args] = command(force);
  try {
    await run(program, args, { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new AppError(
        'CAPABILITY_MISSING',
        `This machine has no ${program} to restart it with.`,
      );
    }
    if (hasTimedOut(error)) throw new AppError('TIMED_OUT', `${program} did not answer in time.`);
    throw new AppError('PERMISSION_DENIED', `${program} refused: ${firstLine(error)}`);
  }
}

/** systemd says whether it runs by this directory (sd_booted(3)). */
function command(force: boolean): readonly [string, readonly string[]] {
  return existsSync('/run/systemd/system')
    ? ['systemctl', force ? ['reboot', '--force'] : ['reboot']]
    : ['reboot', force ? ['-f'] : []];
}

function hasTimedOut(error: unknown): boolean {
  return error instanceof Error && 'killed' in error && error.killed === true;
}

/** What it said, without what a terminal obeys. */
function firstLine(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return (said.split('\n')[0] ?? '').replaceAll(/\p{C}/gu, '').slice(0, 200);
}
