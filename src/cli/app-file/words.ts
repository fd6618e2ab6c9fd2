import type { Item } from './items.js';

import { refused, textsOf } from './items.js';

/** A word: what stands between quotes, what a backslash keeps, or what is no space. */
const PART = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)|(\s+)|(.)/gsy;

/**
 * A command: a list of its words, or one text that is taken apart as a shell would, without running one.
 * @throws {AppError} APP_FILE_INVALID.
 */
export function wordsOf(item: Item, path: string): string[] {
  if (item.kind !== 'text') return [...textsOf(item, path)];
  const words: string[] = [];
  let word: string | undefined;
  for (const match of item.text.matchAll(PART)) {
    const [, single, double, escaped, plain, space, stray] = match;
    if (stray !== undefined) throw refused(item.at, `${path} has a quote that is not closed.`);
    if (space !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    const part = single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? '';
    word = (word ?? '') + part;
  }
  if (word !== undefined) words.push(word);
  if (words.length === 0) throw refused(item.at, `${path} is empty.`);
  return words;
}
