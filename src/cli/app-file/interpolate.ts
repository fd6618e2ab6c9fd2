import { quoted } from '../../core/utils/quoted.js';
import { type Place, refused } from './items.js';

type Variables = Readonly<Record<string, string | undefined>>;

/** `$$`, `$NAME`, or what stands between `${` and the next `}`; a `$` that is none of these is an error. */
const FOUND = /\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([^{}]*)\}|)/g;
const INNER = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?)([-?])(.*))?$/s;

/**
 * Puts variables into a value as Compose does: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?why}`, `${NAME?why}`,
 * and `$$` for a `$`. With the colon, an empty one counts as none.
 * @param warn - told of each that is not set and has no default: it is empty.
 * @throws {AppError} APP_FILE_INVALID.
 */
export function interpolate(
  text: string,
  at: Place,
  variables: Variables,
  warn: (name: string) => void,
): string {
  return text.replaceAll(FOUND, (_, dollar?: string, plain?: string, inner?: string): string => {
    if (dollar !== undefined) return '$';
    const [, name = plain, colon = '', operator, rest = ''] = INNER.exec(inner ?? '') ?? [];
    if (name === undefined) {
      throw refused(at, `${quoted(text)}: write $$ for a $, and \${NAME} or \${NAME:-default}.`);
    }
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value !== undefined && (value !== '' || colon === '')) return value;
    if (operator === '-') return rest;
    if (operator === '?') throw refused(at, `${name} is not set${rest ? `: ${rest}` : '.'}`);
    if (value === undefined) warn(name);
    return '';
  });
}
