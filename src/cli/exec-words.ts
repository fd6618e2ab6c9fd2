import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';

/** A word of a command line as oclif has read it. */
interface Token {
  readonly type: string;
  readonly input: string;
  readonly flag?: string;
}

/** They may stand anywhere; main.ts puts those that come first behind everything else. */
const GLOBAL: readonly (string | undefined)[] = ['json', 'state-dir', 'context', 'as'];

/**
 * The command of `container exec <container> [--] <command…>`. Words that begin with a dash are the command's own only after `--`; one that
 * was read as a flag of ours behind the command is refused rather than taken away from it.
 * @throws {AppError} USAGE_INVALID.
 */
export function execWords(raw: readonly Token[]): readonly string[] {
  const words = raw.filter(({ type }) => type === 'arg').map(({ input }) => input);
  const container = raw.findIndex(({ type }) => type === 'arg');
  const command = raw.findIndex(({ type }, index) => type === 'arg' && index > container);
  const taken = command < 0 ? undefined : raw.slice(command).find(isOurs);
  if (!taken) return words.slice(1);
  throw new AppError(
    'USAGE_INVALID',
    `${quoted(taken.input)} stands behind the command: put -- before the command, and flags of this one before that.`,
  );
}

function isOurs({ type, flag }: Token): boolean {
  return type === 'flag' && !GLOBAL.includes(flag);
}

/** @throws {AppError} USAGE_INVALID where there is none. */
export function requireExecWords(words: readonly string[]): string[] {
  if (words.length > 0) return [...words];
  throw new AppError('USAGE_INVALID', 'Say what to run, after --.');
}
