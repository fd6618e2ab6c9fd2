import type { Item, Place } from './items.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { envOf } from '../env-file.js';
import { itemsOf, refused, textOf } from './items.js';

type Variables = Readonly<Record<string, string | undefined>>;

/** What Compose would put a variable in for; a `$` before anything else is one. */
const VARIABLE = /\$(?:\{|[A-Za-z_])/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** Variables as a map or as a list; one without a value is taken from the environment. @throws {AppError} APP_FILE_INVALID. */
export function environmentOf(
  item: Item,
  path: string,
  variables: Variables,
): Record<string, string> {
  if (item.kind === 'map') {
    return Object.assign(
      {},
      ...item.entries.map(({ key, at, value }) => {
        const text = value.kind === 'nothing' ? key : `${key}=${textOf(value, `${path}.${key}`)}`;
        return read(text, path, at, variables);
      }),
    );
  }
  return Object.assign(
    {},
    ...itemsOf(item, path).map((one, index) =>
      read(textOf(one, `${path}[${index}]`), path, one.at, variables),
    ),
  );
}

/**
 * Variables of an `env_file`: a line each, `#` begins a comment, and a value may stand in quotes; in double ones `\n`, `\"` and the like are
 * what they stand for. Compose puts variables into values that are not in single quotes, by rules of its own: they are refused here, and not
 * taken for something else.
 * @throws {AppError} APP_FILE_INVALID, with the place that names the file, and the line in it.
 */
export function pairsOf(
  text: string,
  file: string,
  at: Place,
  variables: Variables,
): Record<string, string> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  return Object.assign(
    {},
    ...lines.map((line, index) => {
      const begun = line.trim().replace(/^export\s+/, '');
      if (begun === '' || begun.startsWith('#')) return {};
      const where = `${file}, line ${index + 1}:`;
      const split = begun.indexOf('=');
      if (split < 0) return read(begun, where, at, variables);
      const name = begun.slice(0, split).trimEnd();
      const written = begun.slice(split + 1).trim();
      const value = unquoted(written);
      if (value === undefined) throw refused(at, `${where} a quote is not closed.`);
      const pair = read(`${name}=${value}`, where, at, variables);
      if (!hasVariable(written)) return pair;
      throw refused(
        at,
        `${where} ${name} holds a variable, which is not replaced in such a file; put it in single quotes if it is to stay as it is, or say it under environment.`,
      );
    }),
  );
}

/** Not in single quotes, nor behind a backslash in double ones, nor in what is said about it. */
function hasVariable(written: string): boolean {
  if (written.startsWith("'")) return false;
  const inner = /^"((?:[^"\\]|\\.)*)"/.exec(written)?.[1]?.replaceAll(/\\./g, '');
  return VARIABLE.test(inner ?? unquoted(written) ?? '');
}

/** Nothing, where a quote is not closed. */
function unquoted(text: string): string | undefined {
  if (text.startsWith("'")) return /^'([^']*)'\s*(?:#.*)?$/.exec(text)?.[1];
  if (text.startsWith('"')) {
    return /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/
      .exec(text)?.[1]
      ?.replaceAll(/\\(.)/g, (_, mark: string) => ESCAPES[mark] ?? mark);
  }
  return text.replace(/(^|\s)#.*$/, '').trimEnd();
}

function read(text: string, where: string, at: Place, variables: Variables) {
  try {
    return envOf([{ texts: [text], where }], variables);
  } catch (error) {
    if (error instanceof AppError) throw refused(at, error.message);
    throw error;
  }
}
