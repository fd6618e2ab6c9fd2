import path from 'node:path';
import { describe, expect, it } from 'vitest';

import {
  type Host,
  resolveClientDir,
  resolveStatePaths,
} from '../../../src/core/config/state-paths.js';

const linux: Host = {
  platform: 'linux',
  env: {},
  home: '/home/ana',
  uid: 1000,
  tmpdir: '/tmp',
  systemServiceInstalled: false,
};

const withEnv = (env: Host['env'], rest: Partial<Host> = {}): Host => ({ ...linux, ...rest, env });

describe('the state directory', () => {
  it('is the user’s own by the XDG rules', () => {
    expect(resolveStatePaths(undefined, linux).stateDir).toBe('/home/ana/.local/state/syntropy');
    expect(resolveStatePaths(undefined, withEnv({ XDG_STATE_HOME: '/data/state' })).stateDir).toBe(
      '/data/state/syntropy',
    );
  });

  it('ignores a relative or empty XDG_STATE_HOME, as the XDG rules ask', () => {
    for (const value of ['state', '']) {
      const { stateDir } = resolveStatePaths(undefined, withEnv({ XDG_STATE_HOME: value }));
      expect(stateDir).toBe('/home/ana/.local/state/syntropy');
    }
  });

  it('is root’s own too, and not the system’s, while no service is installed', () => {
    const { stateDir } = resolveStatePaths(undefined, { ...linux, home: '/root', uid: 0 });
    expect(stateDir).toBe('/root/.local/state/syntropy');
  });

  it('follows the customs of macOS and Windows', () => {
    const mac = resolveStatePaths(undefined, { ...linux, platform: 'darwin', home: '/Users/ana' });
    expect(mac.stateDir).toBe('/Users/ana/Library/Application Support/syntropy');
    const windows = resolveStatePaths(undefined, {
      ...withEnv({ LOCALAPPDATA: '/c/local' }),
      platform: 'win32',
    });
    expect(windows.stateDir).toBe('/c/local/syntropy');
    expect(windows.socketPath).toMatch(/^\\\\\.\\pipe\\syntropy-[0-9a-f]{16}$/);
  });

  it('takes the flag before the environment, and that before everything else', () => {
    const host = withEnv({ SYNTROPY_STATE_DIR: '/env' }, { systemServiceInstalled: true });
    expect(resolveStatePaths('/flag', host).stateDir).toBe('/flag');
    expect(resolveStatePaths(undefined, host).stateDir).toBe('/env');
  });

  it('makes a relative choice absolute, so that daemon and commands mean the same place', () => {
    expect(resolveStatePaths('state', linux).stateDir).toBe(path.resolve('state'));
  });

  it('takes an empty SYNTROPY_STATE_DIR for an unset one', () => {
    const { stateDir } = resolveStatePaths(undefined, withEnv({ SYNTROPY_STATE_DIR: '' }));
    expect(stateDir).toBe('/home/ana/.local/state/syntropy');
  });

  it('is the system’s, with its socket under /run, where the service is installed', () => {
    const paths = resolveStatePaths(undefined, { ...linux, systemServiceInstalled: true });
    expect(paths).toMatchObject({
      stateDir: '/var/lib/syntropy',
      socketPath: '/run/syntropy/daemon.sock',
      configFile: '/var/lib/syntropy/config.toml',
    });
  });
});

describe('the socket', () => {
  it('lies in the state directory', () => {
    expect(resolveStatePaths('/srv/s', linux).socketPath).toBe('/srv/s/daemon.sock');
  });

  it('moves to a short path of its own where the state directory’s would not fit into sun_path', () => {
    const long = `/srv/${'d'.repeat(120)}`;
    const { socketPath } = resolveStatePaths(long, linux);
    expect(socketPath).toMatch(/^\/tmp\/syntropy-1000\/[0-9a-f]{16}\.sock$/);
    // Daemon and command find each other without asking: the same directory always gives the same path.
    expect(resolveStatePaths(long, linux).socketPath).toBe(socketPath);
    expect(resolveStatePaths(`${long}e`, linux).socketPath).not.toBe(socketPath);
  });

  it('counts bytes, not characters', () => {
    const umlauts = `/srv/${'ü'.repeat(60)}`;
    expect(resolveStatePaths(umlauts, linux).socketPath).toMatch(/^\/tmp\/syntropy-1000\//);
  });
});

describe('the directory of contexts and sessions', () => {
  it('is the state directory that was chosen, else the user’s own', () => {
    expect(resolveClientDir('/srv/s', linux)).toBe('/srv/s');
    expect(resolveClientDir(undefined, withEnv({ SYNTROPY_STATE_DIR: '/srv/t' }))).toBe('/srv/t');
    expect(resolveClientDir(undefined, linux)).toBe('/home/ana/.local/state/syntropy');
  });

  it('is never the system’s, which its users may not write', () => {
    const served = { ...linux, systemServiceInstalled: true };
    expect(resolveStatePaths(undefined, served).stateDir).toBe('/var/lib/syntropy');
    expect(resolveClientDir(undefined, served)).toBe('/home/ana/.local/state/syntropy');
  });
});
