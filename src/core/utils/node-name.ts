import { AppError } from '../types/errors/app-error.js';
import { quoted } from './quoted.js';

/** A DNS label: RFC 1123 §2.1 in lower case, at most 63 characters. */
const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether this text is an id rather than a name. Names never look like one, so that either can be typed. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/**
 * Returns the name unchanged, or says why it cannot be one.
 * @throws {AppError} NAME_INVALID.
 */
export function requireName(name: string): string {
  if (isUuid(name)) {
    throw new AppError('NAME_INVALID', `"${name}" is shaped like an id, so it cannot be a name.`, {
      name,
    });
  }
  if (!DNS_LABEL.test(name)) {
    const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name;
    throw new AppError('NAME_INVALID', `${quoted(shown)} cannot be a name.`, {
      name: shown,
    });
  }
  return name;
}

/** A name made of what a machine calls itself; undefined where nothing of it can be one. */
export function nameFrom(hostname: string): string | undefined {
  const name = (hostname.split('.')[0] ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '');
  return DNS_LABEL.test(name) && !isUuid(name) ? name : undefined;
}
