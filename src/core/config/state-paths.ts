import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Where one daemon, and the commands that talk to it, keep and find everything. */
export interface StatePaths {
  readonly stateDir: string;
  /** Unix socket, or a named pipe on Windows. */
  readonly socketPath: string;
  readonly configFile: string;
  readonly logDir: string;
  readonly logFile: string;
}

export interface Host {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly uid: number;
  readonly tmpdir: string;
  readonly systemServiceInstalled: boolean;
}

export const SYSTEM_STATE_DIR = '/var/lib/syntropy';
export const SYSTEM_UNIT_FILE = '/etc/systemd/system/syntropy.service';
const SYSTEM_SOCKET = '/run/syntropy/daemon.sock';
/** sun_path ends at 104 bytes on macOS and 108 on Linux. */
const MAX_SOCKET_BYTES = 100;

export function thisHost(): Host {
  return {
    platform: process.platform,
    env: process.env,
    home: os.homedir(),
    uid: process.getuid?.() ?? 0,
    // Not what TMPDIR says: a daemon and a command with different ones would miss each other.
    tmpdir: process.platform === 'win32' ? os.tmpdir() : '/tmp',
    systemServiceInstalled: existsSync(SYSTEM_UNIT_FILE),
  };
}

/**
 * Decides the state directory: the flag, then SYNTROPY_STATE_DIR, then the system service's if one is installed, then the
 * user's own by the custom of the platform. Pure but for `host`; loads nothing heavy, for it is on every command's path.
 */
export function resolveStatePaths(flag: string | undefined, host: Host = thisHost()): StatePaths {
  const chosen = nonEmpty(flag) ?? nonEmpty(host.env['SYNTROPY_STATE_DIR']);
  const system = chosen === undefined && host.systemServiceInstalled && host.platform === 'linux';
  const stateDir = system ? SYSTEM_STATE_DIR : path.resolve(chosen ?? userStateDir(host));
  const logDir = path.join(stateDir, 'logs');
  return {
    stateDir,
    socketPath: stateDir === SYSTEM_STATE_DIR ? SYSTEM_SOCKET : socketPath(stateDir, host),
    configFile: path.join(stateDir, 'config.toml'),
    logDir,
    logFile: path.join(logDir, 'daemon.log'),
  };
}

/**
 * Where a command keeps what is its user's alone: contexts and sessions. The state directory, if one was chosen; else the user's own,
 * also where the daemon is the system's, whose directory this user may not write.
 */
export function resolveClientDir(flag: string | undefined, host: Host = thisHost()): string {
  const chosen = nonEmpty(flag) ?? nonEmpty(host.env['SYNTROPY_STATE_DIR']);
  return path.resolve(chosen ?? userStateDir(host));
}

function userStateDir({ platform, env, home }: Host): string {
  if (platform === 'darwin') return path.join(home, 'Library', 'Application Support', 'syntropy');
  if (platform === 'win32') {
    const local = nonEmpty(env['LOCALAPPDATA']) ?? path.join(home, 'AppData', 'Local');
    return path.join(local, 'syntropy');
  }
  // https://specifications.freedesktop.org/basedir-spec/latest/: a relative value is to be ignored.
  const xdg = nonEmpty(env['XDG_STATE_HOME']);
  const base = xdg && path.isAbsolute(xdg) ? xdg : path.join(home, '.local', 'state');
  return path.join(base, 'syntropy');
}

function socketPath(stateDir: string, { platform, uid, tmpdir }: Host): string {
  const short = createHash('sha256').update(stateDir).digest('hex').slice(0, 16);
  if (platform === 'win32') return `\\\\.\\pipe\\syntropy-${short}`;
  const inside = path.join(stateDir, 'daemon.sock');
  if (Buffer.byteLength(inside) <= MAX_SOCKET_BYTES) return inside;
  return path.join(tmpdir, `syntropy-${uid}`, `${short}.sock`);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
