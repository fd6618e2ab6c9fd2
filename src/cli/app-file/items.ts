import type { AppError as AppErrorType } from '../../core/types/errors/app-error.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { quoted } from '../../core/utils/quoted.js';

/** Where something stands in the file, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface Entry {
  readonly key: string;
  /** Of the key. */
  readonly at: Place;
  readonly value: Item;
}

/** What stands in the file, and where: YAML without its ways of writing. */
export type Item =
  | { readonly kind: 'map'; readonly at: Place; readonly entries: readonly Entry[] }
  | { readonly kind: 'list'; readonly at: Place; readonly items: readonly Item[] }
  /** As it is written, so that `1.0` and `0755` stay what they are. */
  | { readonly kind: 'text'; readonly at: Place; readonly text: string }
  | { readonly kind: 'nothing'; readonly at: Place };

/** A refusal that says where. */
export function refused({ line, column }: Place, message: string): AppErrorType {
  return new AppError('APP_FILE_INVALID', `Line ${line}, column ${column}: ${message}`, {
    line,
    column,
  });
}

/** The entries of a map; of nothing, none. @throws {AppError} APP_FILE_INVALID. */
export function entriesOf(item: Item, path: string): readonly Entry[] {
  if (item.kind === 'map') return item.entries;
  if (item.kind === 'nothing') return [];
  throw refused(item.at, `${path} is to be keys and values.`);
}

/** @throws {AppError} APP_FILE_INVALID. */
export function textOf(item: Item, path: string): string {
  if (item.kind === 'text') return item.text;
  throw refused(item.at, `${path} is to be a text.`);
}

/** Texts of a list. @throws {AppError} APP_FILE_INVALID. */
export function textsOf(item: Item, path: string): readonly string[] {
  return itemsOf(item, path).map((one, index) => textOf(one, `${path}[${index}]`));
}

/** @throws {AppError} APP_FILE_INVALID. */
export function itemsOf(item: Item, path: string): readonly Item[] {
  if (item.kind === 'list') return item.items;
  if (item.kind === 'nothing') return [];
  throw refused(item.at, `${path} is to be a list.`);
}

/** @throws {AppError} APP_FILE_INVALID. */
export function booleanOf(item: Item, path: string): boolean {
  const text = textOf(item, path);
  if (text === 'true' || text === 'false') return text === 'true';
  throw refused(item.at, `${path} is to be true or false.`);
}

/** @throws {AppError} APP_FILE_INVALID. */
export function countOf(item: Item, path: string, most: number): number {
  const text = textOf(item, path);
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= most) return count;
  throw refused(item.at, `${path} is to be a number from 1 to ${most}.`);
}

/** One of some words. @throws {AppError} APP_FILE_INVALID. */
export function choiceOf<const T>(
  item: Item,
  path: string,
  choices: Readonly<Record<string, T>>,
): T {
  const text = textOf(item, path);
  const choice = Object.hasOwn(choices, text) ? choices[text] : undefined;
  if (choice !== undefined) return choice;
  throw refused(
    item.at,
    `${path} is ${quoted(text)}; it may be ${Object.keys(choices).join(', ')}.`,
  );
}

/** Reads a text with a parser of the command line, whose failure then says where in the file. @throws {AppError} APP_FILE_INVALID. */
export function parsed<T>(item: Item, path: string, parse: (text: string) => T): T {
  const text = textOf(item, path);
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof AppError) throw refused(item.at, error.message);
    throw error;
  }
}

/** What is done with each key of a map. */
export type Keys = Readonly<Record<string, (value: Item, path: string, at: Place) => void>>;

/**
 * Hands each value of a map to what its key is for.
 * @throws {AppError} APP_FILE_INVALID for a key that there is not, with those that there are.
 */
export function readKeys(item: Item, path: string, keys: Keys): void {
  for (const { key, at, value } of entriesOf(item, path)) {
    const full = path === '' ? key : `${path}.${key}`;
    const read = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (!read) {
      throw refused(
        at,
        `${quoted(full)} is not supported; ${path === '' ? 'the file' : path} may hold ${Object.keys(keys).join(', ')}.`,
      );
    }
    read(value, full, at);
  }
}
