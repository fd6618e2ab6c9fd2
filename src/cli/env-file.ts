import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';

type Variables = Readonly<Record<string, string | undefined>>;

/** More is no file of variables. */
export const MAX_ENV_FILE_CHARACTERS = 1 << 20;
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/;

/** What is said of variables, in the order in which it was said. */
export interface EnvSource {
  /** `K=V`, or `K` for the one of the environment here. */
  readonly texts: readonly string[];
  readonly where: string;
}

/**
 * Reads `K=V` and `K` texts; a later one wins. `K` alone is taken from the environment, and is left out where there is none there.
 * @throws {AppError} USAGE_INVALID.
 */
export function envOf(sources: readonly EnvSource[], environment: Variables) {
  const env: Record<string, string> = {};
  for (const { texts, where } of sources) {
    for (const text of texts) {
      const at = text.indexOf('=');
      const name = at < 0 ? text : text.slice(0, at);
      if (!NAME.test(name)) throw unreadable(text, where);
      const value = at < 0 ? environment[name] : text.slice(at + 1);
      if (value !== undefined) Object.defineProperty(env, name, entry(value));
    }
  }
  return env;
}

/** `__proto__` is a name like any other. */
function entry(value: string): PropertyDescriptor {
  return { value, enumerable: true, configurable: true, writable: true };
}

/**
 * The `K=V` and `K` texts of a file as `docker run --env-file` has it: one a line, `#` begins a comment line, and a value is what stands
 * there to the end of its line, quotes too.
 * @throws {AppError} USAGE_INVALID, with the line.
 */
export function linesOfEnvFile(text: string, file: string): readonly string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  return lines.flatMap((line, index) => {
    const begun = line.trimStart();
    if (begun === '' || begun.startsWith('#')) return [];
    const name = begun.split('=', 1)[0] ?? '';
    if (NAME.test(name.trimEnd()) && (begun.includes('=') ? name === name.trimEnd() : true)) {
      return [begun.includes('=') ? begun : begun.trimEnd()];
    }
    throw new AppError(
      'USAGE_INVALID',
      `${file}, line ${index + 1}: ${quoted(name)} is no name of a variable.`,
      { file, line: index + 1 },
    );
  });
}

function isRemoval(text: string): boolean {
  return text.endsWith('-') && !text.includes('=');
}

/** A change of variables: `K=V` and `K` set, `K-` removes. @throws {AppError} USAGE_INVALID. */
export function envChange(sources: readonly EnvSource[], environment: Variables) {
  const removeEnv = sources.flatMap(({ texts, where }) =>
    texts.filter(isRemoval).map((text) => {
      const name = text.slice(0, -1);
      if (!NAME.test(name)) throw unreadable(text, where);
      return name;
    }),
  );
  const set = sources.map(({ texts, where }) => ({
    texts: texts.filter((text) => !isRemoval(text)),
    where,
  }));
  const env = envOf(set, environment);
  return {
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(removeEnv.length === 0 ? {} : { removeEnv }),
  };
}

/** Names only: what is wrong with a variable may be that its value is a secret. */
function unreadable(text: string, where: string): AppError {
  const name = text.split('=', 1)[0] ?? '';
  return new AppError(
    'USAGE_INVALID',
    `${where} ${quoted(name)} is no name of a variable; write it as NAME=value, or NAME to take it from the environment.`,
    { flag: where },
  );
}
