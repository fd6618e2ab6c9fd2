import { AppError } from '../core/types/errors/app-error.js';
import { LABEL_KEY } from '../core/types/constants/label-key.js';
import { quoted } from '../core/utils/quoted.js';

/**
 * Reads `key=value` texts.
 * @throws {AppError} USAGE_INVALID.
 */
export function labelsOf(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((text) => labelOf(text)));
}

/** Reads a change of labels: `key=value` sets, `key-` removes. */
export function labelChange(texts: readonly string[]): {
  labels?: Record<string, string>;
  removeLabels?: string[];
} {
  const removed = texts.filter((text) => text.endsWith('-') && !text.includes('='));
  const set = texts.filter((text) => !removed.includes(text));
  return {
    ...(set.length === 0 ? {} : { labels: labelsOf(set) }),
    ...(removed.length === 0
      ? {}
      : { removeLabels: removed.map((text) => keyOf(text.slice(0, -1))) }),
  };
}

function labelOf(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [keyOf(text.slice(0, at)), text.slice(at + 1)];
  throw new AppError(
    'USAGE_INVALID',
    `--label ${quoted(text)} is no label; write it as key=value.`,
    { flag: 'label' },
  );
}

function keyOf(text: string): string {
  if (new RegExp(LABEL_KEY).test(text)) return text;
  throw new AppError(
    'USAGE_INVALID',
    `${quoted(text)} is no key of a label: at most 63 letters, digits and . _ / -, with a letter or a digit at both ends.`,
    { flag: 'label' },
  );
}
