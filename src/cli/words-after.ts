import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';

interface Token {
  readonly type: string;
  readonly input: string;
}

/**
 * The words for the container, which a command takes after `--` only. By the tokens, because oclif puts `argv` in an order of its own when a
 * word occurs twice.
 * @param count - of the command's own arguments.
 * @throws {AppError} USAGE_INVALID for a word that stands before `--`.
 */
export function wordsAfterDashes(
  raw: readonly Token[],
  argv: readonly string[],
  count: number,
): readonly string[] {
  const words = raw
    .filter(({ type }) => type === 'arg')
    .slice(count)
    .map(({ input }) => input);
  const given = argv.includes('--') ? argv.length - argv.lastIndexOf('--') - 1 : 0;
  if (words.length <= given || words.includes('--')) return words;
  throw new AppError(
    'USAGE_INVALID',
    `${quoted(words[0])} is no argument of this command; words for the container stand after --.`,
  );
}
