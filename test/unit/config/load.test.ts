import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { loadConfig, setConfigValue } from '../../../src/core/config/load.js';
import { isSettingKey, settings } from '../../../src/core/config/schema.js';

/** A directory with a configuration file, gone with the test. */
async function configFile(content?: string) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'syntropy-config-'));
  const file = path.join(dir, 'config.toml');
  if (content !== undefined) await writeFile(file, content);
  return {
    file,
    text: () => readFile(file, 'utf8'),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

async function load(content: string, env: Record<string, string> = {}) {
  await using config = await configFile(content);
  return await loadConfig({ file: config.file, env });
}

describe('where a value comes from', () => {
  it('is the default when nobody says anything and there is no file', async () => {
    await using none = await configFile();
    const config = await loadConfig({ file: none.file, env: {} });
    expect(config.get('log.level')).toBe('info');
    expect(config.get('database.url')).toBeUndefined();
    expect(config.source('log.level')).toBe('default');
  });

  it('is the flag, else the environment, else the file', async () => {
    await using config = await configFile('[log]\nlevel = "warn"\n');
    const { file } = config;
    const env = { SYNTROPY_LOG_LEVEL: 'debug' };

    const fromFile = await loadConfig({ file, env: {} });
    expect([fromFile.get('log.level'), fromFile.source('log.level')]).toEqual(['warn', 'file']);
    const fromEnv = await loadConfig({ file, env });
    expect([fromEnv.get('log.level'), fromEnv.source('log.level')]).toEqual([
      'debug',
      'environment',
    ]);
    const fromFlag = await loadConfig({ file, env, flags: { 'log.level': 'error' } });
    expect([fromFlag.get('log.level'), fromFlag.source('log.level')]).toEqual(['error', 'flag']);
  });

  it('skips an empty environment variable, as a shell script leaves it behind', async () => {
    await using config = await configFile('publicUrl = "https://grid.example"\n');
    const loaded = await loadConfig({ file: config.file, env: { SYNTROPY_PUBLIC_URL: '' } });
    expect(loaded.get('publicUrl')).toBe('https://grid.example');
  });

  it.each([
    ['true', true],
    ['false', false],
  ])('turns the text %s of the environment into what a switch asks for', async (text, value) => {
    await using none = await configFile();
    const env = { SYNTROPY_DISCOVERY_ANNOUNCE: text };
    expect((await loadConfig({ file: none.file, env })).get('discovery.announce')).toBe(value);
  });

  it('refuses a switch that is neither on nor off', async () => {
    await using none = await configFile();
    const env = { SYNTROPY_DISCOVERY_ANNOUNCE: 'yes' };
    await expect(loadConfig({ file: none.file, env })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('turns the text of the environment into the number the setting asks for', async () => {
    await using none = await configFile();
    const env = { SYNTROPY_USB_MAX_CONCURRENT_WRITES: '3' };
    expect((await loadConfig({ file: none.file, env })).get('usb.maxConcurrentWrites')).toBe(3);
  });
});

describe('a configuration that does not fit', () => {
  it('names an unknown key and the nearest known one', async () => {
    await expect(load('[log]\nlevle = "warn"\n')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('did you mean "log.level"?'),
    });
  });

  it('names line and column of what is no TOML', async () => {
    await expect(load('[log]\nlevel = \n')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/config\.toml:2:\d+: /),
      details: { line: 2 },
    });
  });

  it.each([
    ['a word that is none of the allowed', '[log]\nlevel = "loud"\n', 'log.level'],
    ['a number as text', '[log]\nmaxFiles = "5"\n', 'log.maxFiles'],
    ['a number below its range', '[log]\nmaxFiles = 0\n', 'log.maxFiles'],
    ['a fraction', '[log]\nmaxFiles = 1.5\n', 'log.maxFiles'],
    ['an address that is none', 'publicUrl = "grid.example"\n', 'publicUrl'],
  ])('refuses %s', async (_, content, key) => {
    await expect(load(content)).rejects.toMatchObject({ code: 'CONFIG_INVALID', details: { key } });
  });

  it('is told what it may be', async () => {
    await expect(load('[log]\nlevel = "loud"\n')).rejects.toMatchObject({
      message: expect.stringContaining('must be one of trace, debug, info, warn, error'),
    });
  });

  it('refuses it in the environment too, and says which variable', async () => {
    await expect(load('', { SYNTROPY_LOG_MAX_FILES: '1e3' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('SYNTROPY_LOG_MAX_FILES'),
    });
  });

  it('never repeats a secret in its message', async () => {
    const secret = `postgres://u:hunter2@db/${'x'.repeat(4096)}`;
    const failure = await load('', { DATABASE_URL: secret }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(String(failure) + JSON.stringify(failure)).not.toContain('hunter2');
  });
});

describe('setting a value', () => {
  it('keeps every other value, and what it wrote can be read again', async () => {
    await using config = await configFile(
      '[log]\nlevel = "warn"\n[usb]\nmaxConcurrentWrites = 2\n',
    );
    await setConfigValue(config.file, 'publicUrl', 'https://grid.example');
    await setConfigValue(config.file, 'log.maxFiles', '9');

    const loaded = await loadConfig({ file: config.file, env: {} });
    expect(loaded.get('publicUrl')).toBe('https://grid.example');
    expect(loaded.get('log.level')).toBe('warn');
    expect(loaded.get('log.maxFiles')).toBe(9);
    expect(loaded.get('usb.maxConcurrentWrites')).toBe(2);
  });

  it('round-trips every setting there is', async () => {
    await using config = await configFile();
    const samples: Record<string, string> = {
      'database.url': 'postgres://u@db/syntropy?sslmode="require"',
      publicUrl: 'https://grid.example/ünïcode#"\\',
      'api.listen': '[::1]:8080',
      'influx.url': 'https://influx.example:8086',
      'log.level': 'debug',
    };
    for (const [key, setting] of Object.entries(settings)) {
      await setConfigValue(config.file, key, samples[key] ?? String(setting.default));
    }
    const loaded = await loadConfig({ file: config.file, env: {} });
    for (const key of Object.keys(settings).filter(isSettingKey)) {
      expect(String(loaded.get(key))).toBe(samples[key] ?? String(settings[key].default));
      expect(loaded.source(key)).toBe('file');
    }
  });

  it('removes a value when there is none to set', async () => {
    await using config = await configFile('[log]\nlevel = "warn"\n');
    await setConfigValue(config.file, 'log.level', undefined);
    expect((await loadConfig({ file: config.file, env: {} })).source('log.level')).toBe('default');
  });

  it('refuses what does not fit, and leaves the file as it was', async () => {
    const before = '# mine\n[log]\nlevel = "warn"\n';
    await using config = await configFile(before);
    await expect(setConfigValue(config.file, 'log.level', 'loud')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    await expect(setConfigValue(config.file, 'log.levle', 'warn')).rejects.toMatchObject({
      code: 'CONFIG_KEY_NOT_FOUND',
      message: expect.stringContaining('did you mean "log.level"?'),
    });
    expect(await config.text()).toBe(before);
  });

  it('leaves a file that only its owner may read, for it may hold a password', async () => {
    await using config = await configFile();
    await setConfigValue(config.file, 'database.url', 'postgres://u:hunter2@db/syntropy');
    expect((await stat(config.file)).mode & 0o777).toBe(0o600);
  });
});
