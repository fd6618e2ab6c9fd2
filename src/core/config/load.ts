import type { Static, TSchema } from 'typebox';

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify, TomlError } from 'smol-toml';
import { Value } from 'typebox/value';

import { AppError } from '../types/errors/app-error.js';
import { errorCode } from '../types/errors/error-code.js';
import { closest } from '../utils/closest.js';
import { isSettingKey, type Setting, type SettingKey, settings } from './schema.js';
import { quoted } from '../utils/quoted.js';

export type SettingSource = 'flag' | 'environment' | 'file' | 'default';

type Values = {
  readonly [Key in SettingKey]: (typeof settings)[Key]['default'] extends undefined
    ? Static<(typeof settings)[Key]['schema']> | undefined
    : Static<(typeof settings)[Key]['schema']>;
};

/** The values in force. */
export interface Config {
  get<Key extends SettingKey>(key: Key): Values[Key];
  source(key: SettingKey): SettingSource;
}

export interface ConfigSources {
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By key, as text, from the command line. */
  readonly flags?: Readonly<Record<string, string>>;
}

interface Found {
  readonly value: unknown;
  readonly source: SettingSource;
}

/**
 * Reads the configuration: a flag wins over the environment, that over the file, that over the default.
 * @throws {AppError} CONFIG_INVALID for a file that is no TOML, an unknown key, or a value that does not fit, naming the place.
 */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const inFile = await readConfigFile(sources.file);
  const found = new Map<SettingKey, Found>();
  for (const key of Object.keys(settings).filter(isSettingKey)) {
    found.set(key, find(key, inFile, sources));
  }
  return {
    // `find` has checked every value against the schema that its type is made of.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
    get: (key) => found.get(key)?.value as never,
    source: (key) => found.get(key)?.source ?? 'default',
  };
}

function find(
  key: SettingKey,
  inFile: ReadonlyMap<string, unknown>,
  { env, flags, file }: ConfigSources,
): Found {
  const setting: Setting = settings[key];
  const flag = flags?.[key];
  if (flag !== undefined) {
    return { value: checkedText(key, flag, 'the command line'), source: 'flag' };
  }
  const fromEnv = env[setting.env];
  if (fromEnv !== undefined && fromEnv !== '') {
    return { value: checkedText(key, fromEnv, setting.env), source: 'environment' };
  }
  if (inFile.has(key)) {
    return { value: checked(key, inFile.get(key), file), source: 'file' };
  }
  return { value: setting.default, source: 'default' };
}

/**
 * Sets one key in the file, or removes it when `text` is undefined. Comments in the file are lost, as the header says.
 * @throws {AppError} CONFIG_KEY_NOT_FOUND, CONFIG_INVALID.
 */
export async function setConfigValue(
  file: string,
  key: string,
  text: string | undefined,
): Promise<void> {
  const known = requireKey(key);
  const values = new Map(await readConfigFile(file));
  if (text === undefined) values.delete(known);
  else values.set(known, checkedText(known, text, 'the command line'));
  const tree: Record<string, unknown> = {};
  for (const [name, value] of [...values].toSorted(([a], [b]) => a.localeCompare(b))) {
    const [group = '', leaf] = name.split('.');
    if (leaf === undefined) tree[group] = value;
    else tree[group] = { ...asRecord(tree[group]), [leaf]: value };
  }
  const content = `# Written by \`syntropy config set\`; comments of your own are not kept.\n${stringify(tree)}\n`;
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomUUID()}.tmp`;
  await writeFile(temporary, content, { mode: 0o600, flush: true });
  await rename(temporary, file);
}

/** @throws {AppError} CONFIG_KEY_NOT_FOUND, with the nearest key. */
export function requireKey(key: string): SettingKey {
  if (isSettingKey(key)) return key;
  const near = closest(key, Object.keys(settings));
  throw new AppError(
    'CONFIG_KEY_NOT_FOUND',
    `There is no key "${key}"${near ? `; did you mean "${near}"?` : '.'}`,
    { key },
  );
}

/** The file's values by dotted key. Unknown keys are refused: a misspelt one would silently do nothing. */
async function readConfigFile(file: string): Promise<ReadonlyMap<string, unknown>> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const code = errorCode(error);
    if (code === 'ENOENT') return '';
    throw new AppError('CONFIG_INVALID', `${file} cannot be read (${String(code)}).`, { file });
  });
  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(parseToml(text, file))) {
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value);
    const entries = isTable ? Object.entries(value) : [];
    if (!isTable) values.set(name, value);
    for (const [leaf, leafValue] of entries) values.set(`${name}.${leaf}`, leafValue);
  }
  for (const key of values.keys()) {
    if (isSettingKey(key)) continue;
    const near = closest(key, Object.keys(settings));
    throw new AppError(
      'CONFIG_INVALID',
      `${file}: there is no key "${key}"${near ? `; did you mean "${near}"?` : '.'}`,
      { file, key },
    );
  }
  return values;
}

function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new AppError(
      'CONFIG_INVALID',
      `${file}:${error.line}:${error.column}: this is not TOML.`,
      { file, line: error.line, column: error.column },
    );
  }
}

function checkedText(key: SettingKey, text: string, where: string): unknown {
  const { schema }: Setting = settings[key];
  return checked(key, valueOf(text, 'type' in schema ? schema.type : undefined), where);
}

/** What a text stands for where such a value is wanted; the text itself where it stands for none. */
function valueOf(text: string, wanted: unknown): unknown {
  if (wanted === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (wanted === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  return text;
}

function checked(key: SettingKey, value: unknown, where: string): unknown {
  const { schema, secret }: Setting = settings[key];
  if (Value.Check(schema, value)) return value;
  const shown = secret ? '' : ` ${quoted(value)}`;
  throw new AppError(
    'CONFIG_INVALID',
    `${where}: "${key}"${shown} does not fit: it ${expectationOf(schema, value)}.`,
    { key, where },
  );
}

/** What a value should have been; of a choice, every alternative. */
function expectationOf(schema: TSchema, value: unknown): string {
  if ('anyOf' in schema && Array.isArray(schema.anyOf)) {
    const choices = schema.anyOf.map((one: { const?: unknown }) => String(one.const));
    return `must be one of ${choices.join(', ')}`;
  }
  const [first] = Value.Errors(schema, value);
  return first?.message ?? 'is wrong';
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
