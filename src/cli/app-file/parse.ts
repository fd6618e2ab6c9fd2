import type * as Yaml from 'yaml';
import type { Alias, Document, LineCounter, Node, Pair, Scalar } from 'yaml';

import { AppError } from '../../core/types/errors/app-error.js';
import { type Entry, type Item, type Place, refused } from './items.js';

/** More is no file that a person has written. */
const MAX_CHARACTERS = 1 << 20;
const MAX_ITEMS = 20_000;
const MAX_DEPTH = 64;
const MERGE = '<<';

interface Reading {
  readonly yaml: typeof Yaml;
  readonly document: Document;
  readonly place: (node: unknown) => Place;
  readonly interpolate: (text: string, at: Place) => string;
  /** Aliases can make much of little. */
  left: number;
}

/**
 * Reads one YAML document, with anchors and merge keys resolved and variables put in.
 * @param interpolate - puts variables into a value.
 * @throws {AppError} APP_FILE_INVALID, with line and column.
 */
export async function parseYaml(text: string, interpolate: Reading['interpolate']): Promise<Item> {
  if (text.length > MAX_CHARACTERS) {
    throw new AppError('APP_FILE_INVALID', 'The file is longer than 1 MiB.');
  }
  // Takes longer to load than everything else that a command does.
  const yaml = await import('yaml');
  const lines = new yaml.LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, stringKeys: true } as const;
  const [document, second] = yaml.parseAllDocuments(text, options);
  if (!document || !('contents' in document) || document.contents === null) {
    throw new AppError('APP_FILE_INVALID', 'The file is empty.');
  }
  const place = (node: unknown) => placeOf(yaml, lines, node);
  const [error] = document.errors;
  if (error) throw refused(placeAt(lines, error.pos[0]), `This is no YAML: ${error.message}`);
  if (second) throw refused(place(second.contents), 'A second document is not supported.');
  const reading = { yaml, document, place, interpolate, left: MAX_ITEMS };
  return itemOf(document.contents, reading, 0);
}

function itemOf(node: unknown, reading: Reading, depth: number): Item {
  const { yaml, place } = reading;
  const at = place(node);
  reading.left -= 1;
  if (reading.left < 0 || depth > MAX_DEPTH) throw refused(at, 'There is too much in this file.');
  if (yaml.isAlias(node)) return itemOf(resolved(node, reading), reading, depth + 1);
  if (yaml.isMap(node)) return { kind: 'map', at, entries: entriesOf(node.items, reading, depth) };
  if (yaml.isSeq(node)) {
    return { kind: 'list', at, items: node.items.map((one) => itemOf(one, reading, depth + 1)) };
  }
  if (!yaml.isScalar(node)) return { kind: 'nothing', at };
  const text = textOf(node);
  return text === undefined
    ? { kind: 'nothing', at }
    : { kind: 'text', at, text: reading.interpolate(text, at) };
}

function resolved(alias: Alias, { document, place }: Reading): Node {
  const node = alias.resolve(document);
  if (node) return node;
  throw refused(place(alias), `There is no anchor &${alias.source} before this.`);
}

/** As it is written, where YAML would make a number or a truth of it. */
function textOf({ value, source }: Scalar): string | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === 'string' ? value : (source ?? JSON.stringify(value));
}

function entriesOf(pairs: readonly Pair[], reading: Reading, depth: number): readonly Entry[] {
  const entries = new Map<string, Entry>();
  const merged: Entry[] = [];
  for (const { key, value } of pairs) {
    const at = reading.place(key);
    const name = reading.yaml.isScalar(key) ? textOf(key) : undefined;
    if (name === undefined) throw refused(at, 'A key is to be a text.');
    const held: Item = value === null ? { kind: 'nothing', at } : itemOf(value, reading, depth + 1);
    if (name === MERGE) merged.push(...mergedOf(held));
    else entries.set(name, { key: name, at, value: held });
  }
  for (const entry of merged) if (!entries.has(entry.key)) entries.set(entry.key, entry);
  return [...entries.values()];
}

/** Of a map, or of several in a list, of which the first wins. @throws {AppError} APP_FILE_INVALID. */
function mergedOf(item: Item): readonly Entry[] {
  if (item.kind === 'map') return item.entries;
  if (item.kind === 'list') return item.items.flatMap((one) => mergedOf(one));
  throw refused(item.at, 'What is merged with << is to be keys and values.');
}

function placeOf(yaml: typeof Yaml, lines: LineCounter, node: unknown): Place {
  const range = yaml.isNode(node) ? node.range : undefined;
  return placeAt(lines, range?.[0] ?? 0);
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}
