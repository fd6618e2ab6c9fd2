import type { OperationInput } from '../contract/registry.js';

import { CAPABILITIES } from '../core/types/constants/container-limits.js';
import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';

type DeployInput = OperationInput<'containers.deploy'>;
type Restart = Pick<DeployInput, 'restart' | 'maxRestarts'>;
type SecretWish = NonNullable<DeployInput['secrets']>[number];

const NAME = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
const LAST_LABEL_CHARACTER = 63;

/** The name that people know a container by: one that has failed or is removed has given up its own. */
export function knownName(container: {
  readonly name: string;
  readonly formerName?: string | undefined;
}): string {
  return container.formerName ?? container.name;
}

/**
 * Reads `no`, `on-failure`, `on-failure:5`, `always` or `unless-stopped`.
 * @param where - what the text was said at, for the error.
 * @throws {AppError} USAGE_INVALID.
 */
export function parseRestart(text: string, where = '--restart'): Restart {
  if (text === 'no' || text === 'always' || text === 'unless-stopped') return { restart: text };
  const [, times] = /^on-failure(?::(\d{1,4}))?$/.exec(text) ?? [];
  const count = Number(times ?? 1);
  if (text.startsWith('on-failure') && (times !== undefined || text === 'on-failure')) {
    if (count >= 1 && count <= 1_000) {
      return {
        restart: 'on-failure',
        ...(times === undefined ? {} : { maxRestarts: count }),
      };
    }
  }
  throw new AppError(
    'USAGE_INVALID',
    `${where} ${quoted(text)} is no restart policy; write no, on-failure, on-failure:5, always or unless-stopped.`,
    { flag: where },
  );
}

/**
 * Reads `name` or `name:/path`: a secret, and the file that the container finds it in.
 * @param where - what the text was said at, for the error.
 * @throws {AppError} USAGE_INVALID.
 */
export function parseSecretMount(text: string, where = '--secret'): SecretWish {
  const [name = '', target, ...more] = text.split(':');
  const isTarget = target === undefined || /^\/[^\p{C}]+$/u.test(target);
  if (NAME.test(name) && isTarget && more.length === 0) {
    return { name, ...(target === undefined ? {} : { target }) };
  }
  throw new AppError(
    'USAGE_INVALID',
    `${where} ${quoted(text)} is no secret; write it as db-password or db-password:/etc/app/password.`,
    { flag: where },
  );
}

/**
 * Reads capabilities, with `CAP_` or without, several of them with commas between.
 * @param where - what the text was said at, for the error.
 * @throws {AppError} USAGE_INVALID.
 */
export function parseCapabilities(text: string, where = '--cap-add'): readonly string[] {
  return text.split(',').map((one) => {
    const name = one.toUpperCase().replace(/^CAP_/, '');
    if (CAPABILITIES.includes(name)) return name;
    throw new AppError(
      'USAGE_INVALID',
      `${where} ${quoted(one)} cannot be given; there are ${CAPABILITIES.join(', ')}.`,
      { flag: where },
    );
  });
}

/** `nginx` of `registry.example.org/web/nginx:1.27@sha256:…`: the name that a container of this image gets. */
export function nameOfImage(image: string): string | undefined {
  const last = image.split('@', 1)[0]?.split('/').at(-1)?.split(':', 1)[0] ?? '';
  const label = last
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, LAST_LABEL_CHARACTER)
    .replaceAll(/^-+|-+$/g, '');
  return label === '' ? undefined : label;
}

/**
 * Reads `key=value` texts of a selector.
 * @throws {AppError} USAGE_INVALID.
 */
export function parseSelector(
  texts: readonly string[],
  where = '--selector',
): Record<string, string> {
  return Object.fromEntries(
    texts.map((text): [string, string] => {
      const at = text.indexOf('=');
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
      throw new AppError(
        'USAGE_INVALID',
        `${where} ${quoted(text)} selects nothing; write it as key=value, a label of nodes.`,
        { flag: where },
      );
    }),
  );
}
