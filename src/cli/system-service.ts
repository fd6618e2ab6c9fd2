import { execFile } from 'node:child_process';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import { SYSTEM_UNIT_FILE } from '../core/config/state-paths.js';
import { AppError } from '../core/types/errors/app-error.js';
import { type Programs, systemdUnit } from './systemd-unit.js';

const run = promisify(execFile);
const COMMAND_TIMEOUT_MS = 60_000;
export const SERVICE_GROUP = 'syntropy';

export interface Installation {
  readonly unitFile: string;
  readonly group: string;
  readonly started: boolean;
}

/**
 * Installs and starts the system daemon. Creates no group unless told to: who is in it rules the daemon.
 * @throws {AppError} CAPABILITY_MISSING, PERMISSION_DENIED, CONFIRMATION_REQUIRED without the group.
 */
export async function installService(
  programs: Programs,
  options: { readonly createGroup: boolean; readonly start: boolean },
): Promise<Installation> {
  requireLinuxRoot();
  if (!(await groupExists())) {
    if (!options.createGroup) {
      throw new AppError(
        'CONFIRMATION_REQUIRED',
        `There is no group "${SERVICE_GROUP}", whose members may use the daemon: add --create-group.`,
        { flag: '--create-group', group: SERVICE_GROUP },
      );
    }
    await systemCommand('groupadd', ['--system', SERVICE_GROUP]);
  }
  await writeFile(SYSTEM_UNIT_FILE, await systemdUnit(programs), { mode: 0o644 });
  const started = options.start && (await systemdRuns());
  if (started) {
    await systemCommand('systemctl', ['daemon-reload']);
    await systemCommand('systemctl', ['enable', '--now', 'syntropy.service']);
  }
  return { unitFile: SYSTEM_UNIT_FILE, group: SERVICE_GROUP, started };
}

/**
 * Stops the system daemon and removes its unit. Its state and the group stay.
 * @throws {AppError} CAPABILITY_MISSING, PERMISSION_DENIED, FILE_NOT_FOUND when it is not installed.
 */
export async function uninstallService(): Promise<{ readonly unitFile: string }> {
  requireLinuxRoot();
  await access(SYSTEM_UNIT_FILE).catch(() => {
    throw new AppError('FILE_NOT_FOUND', 'No system daemon is installed.', {
      file: SYSTEM_UNIT_FILE,
    });
  });
  const runs = await systemdRuns();
  if (runs) await systemCommand('systemctl', ['disable', '--now', 'syntropy.service']);
  await rm(SYSTEM_UNIT_FILE);
  if (runs) await systemCommand('systemctl', ['daemon-reload']);
  return { unitFile: SYSTEM_UNIT_FILE };
}

function requireLinuxRoot(): void {
  if (process.platform !== 'linux') {
    throw new AppError(
      'CAPABILITY_MISSING',
      'A system daemon is installed with systemd, on Linux.',
    );
  }
  if (process.getuid?.() !== 0) {
    throw new AppError('PERMISSION_DENIED', 'Only root installs a system daemon: use sudo.');
  }
}

async function groupExists(): Promise<boolean> {
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  return groups.split('\n').some((line) => line.startsWith(`${SERVICE_GROUP}:`));
}

/** sd_booted(3): the folder is there when systemd is what runs this machine. */
function systemdRuns(): Promise<boolean> {
  return access('/run/systemd/system').then(
    () => true,
    () => false,
  );
}

async function systemCommand(program: string, argv: readonly string[]): Promise<void> {
  try {
    await run(program, argv, { timeout: COMMAND_TIMEOUT_MS });
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new AppError('DAEMON_START_FAILED', `${program} ${argv.join(' ')} failed. ${stderr}`);
  }
}
