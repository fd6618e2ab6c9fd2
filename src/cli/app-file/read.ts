import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import type { OperationInput } from '../../contract/registry.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { quoted } from '../../core/utils/quoted.js';
import { MAX_ENV_FILE_CHARACTERS } from '../env-file.js';
import { interpolate } from './interpolate.js';
import { booleanOf, entriesOf, type Item, type Place, readKeys, refused, textOf } from './items.js';
import { parseYaml } from './parse.js';
import { serviceOf } from './service.js';

type ApplyInput = OperationInput<'containers.apply'>;

/** An app file as it was read: nothing has been asked of the daemon yet. */
export interface App {
  readonly name: string | undefined;
  /** In the order of the file. */
  readonly containers: readonly ApplyInput[];
  readonly warnings: readonly string[];
}

interface Source {
  readonly text: string;
  /** From which the paths in it count. */
  readonly directory: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** By which the containers of an app are found again. */
export const APP_LABEL = 'app';

/**
 * Reads an app file: a part of the Compose format. Whatever is not understood is refused, with its place.
 * @throws {AppError} APP_FILE_INVALID.
 */
export async function readApp({ text, directory, variables }: Source): Promise<App> {
  const unset = new Set<string>();
  const root = await parseYaml(text, (value, at) =>
    interpolate(value, at, variables, (name) => unset.add(name)),
  );
  const parts: Record<'services' | 'volumes' | 'secrets', Item> = {
    services: { kind: 'nothing', at: root.at },
    volumes: { kind: 'nothing', at: root.at },
    secrets: { kind: 'nothing', at: root.at },
  };
  let name: string | undefined;
  readKeys(withoutExtensions(root), '', {
    name: (item) => (name = nameOf(textOf(item, 'name'), 'name', item.at)),
    services: (item) => (parts.services = item),
    volumes: (item) => (parts.volumes = item),
    secrets: (item) => (parts.secrets = item),
  });
  const users = new Map<string, string>();
  const known = {
    volumes: volumesOf(parts.volumes),
    secrets: secretsOf(parts.secrets),
    variables,
    readFile: (file: string, at: Place) => fileOf(path.resolve(directory, file), file, at),
  };
  const services = entriesOf(parts.services, 'services');
  if (services.length === 0) throw refused(root.at, 'There is no service in this file.');
  const containers = services.map(({ key, at, value }) => {
    const full = nameOf(name === undefined ? key : `${name}-${key}`, `services.${key}`, at);
    const useVolume = (volume: string, place: Place) => requireOwn(users, volume, key, place);
    requireNoOrder(value);
    const service = serviceOf(value, `services.${key}`, { ...known, useVolume });
    return { name: full, ...service, ...labelled(service.labels, name, at) };
  });
  return { name, containers, warnings: warningsOf(unset, directory) };
}

/** Compose would have found some of them in a file of its own. */
function warningsOf(unset: ReadonlySet<string>, directory: string): readonly string[] {
  const isFile = unset.size > 0 && existsSync(path.join(directory, '.env'));
  return [
    ...[...unset].map((variable) => `${variable} is not set; it is empty.`),
    ...(isFile
      ? ['The file .env is not read; `set -a; . ./.env; set +a` sets what is in it for a shell.']
      : []),
  ];
}

/** `x-…` at the top is where people keep anchors. */
function withoutExtensions(root: Item): Item {
  if (root.kind !== 'map') return root;
  return { ...root, entries: root.entries.filter(({ key }) => !key.startsWith('x-')) };
}

/** @throws {AppError} APP_FILE_INVALID. */
function nameOf(text: string, what: string, at: Place): string {
  if (LABEL.test(text)) return text;
  throw refused(
    at,
    `${what}: ${quoted(text)} can be no name; it takes 1 to 63 lower-case letters, digits and inner hyphens.`,
  );
}

function volumesOf(item: Item): ReadonlySet<string> {
  const names = entriesOf(item, 'volumes').map(({ key, value }) => {
    readKeys(value, `volumes.${key}`, {});
    return key;
  });
  return new Set(names);
}

/** Secrets are set beforehand: none is read from a file here. */
function secretsOf(item: Item): ReadonlySet<string> {
  const names = entriesOf(item, 'secrets').map(({ key, value }) => {
    readKeys(value, `secrets.${key}`, {
      external: (one, where) => {
        if (booleanOf(one, where)) return;
        throw refused(
          one.at,
          `${where}: set it with \`syntropy container secret set\`; it is external.`,
        );
      },
    });
    return key;
  });
  return new Set(names);
}

/** A volume belongs to one container. @throws {AppError} APP_FILE_INVALID. */
function requireOwn(users: Map<string, string>, volume: string, user: string, at: Place): void {
  const other = users.get(volume) ?? user;
  users.set(volume, user);
  if (other === user) return;
  throw refused(
    at,
    `Volume ${volume} is used by ${other} and ${user}; a volume belongs to one container.`,
  );
}

/** Said by itself, because people look for it. @throws {AppError} APP_FILE_INVALID. */
function requireNoOrder(service: Item): void {
  const entries = service.kind === 'map' ? service.entries : [];
  const found = entries.find(({ key }) => key === 'depends_on');
  if (!found) return;
  throw refused(
    found.at,
    'depends_on is not supported: containers begin in the order of the file, and each has to wait for what it needs by itself.',
  );
}

/** @throws {AppError} APP_FILE_INVALID. */
function labelled(labels: ApplyInput['labels'], app: string | undefined, at: Place) {
  if (app === undefined) return {};
  const own = labels?.[APP_LABEL] ?? app;
  if (own === app) return { labels: { ...labels, [APP_LABEL]: app } };
  throw refused(at, `The label ${APP_LABEL} is the name of the app, ${app}, and not ${own}.`);
}

/** @throws {AppError} APP_FILE_INVALID. */
function fileOf(file: string, shown: string, at: Place): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw refused(at, `The file ${shown} cannot be read.`);
  }
  if (text.length > MAX_ENV_FILE_CHARACTERS) throw refused(at, `The file ${shown} is too large.`);
  return text;
}

/** The text of an app file, and the folder it lies in. `-` is standard input. @throws {AppError} FILE_NOT_FOUND. */
export async function appText(file: string): Promise<Pick<Source, 'text' | 'directory'>> {
  if (file === '-') {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
    return { text: Buffer.concat(chunks).toString(), directory: process.cwd() };
  }
  try {
    return { text: readFileSync(file, 'utf8'), directory: path.dirname(path.resolve(file)) };
  } catch {
    throw new AppError('FILE_NOT_FOUND', `The app file ${file} cannot be read.`, { file });
  }
}
