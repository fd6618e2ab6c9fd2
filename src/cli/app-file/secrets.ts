import type { OperationInput } from '../../contract/registry.js';
import type { Item } from './items.js';

import { parseSecretMount } from '../container-words.js';
import { parsed, readKeys, refused, textOf } from './items.js';

type SecretWish = NonNullable<OperationInput<'containers.apply'>['secrets']>[number];

/** `name`, or `source` and `target`, which is a path or a name in /run/secrets. @throws {AppError} APP_FILE_INVALID. */
export function secretOf(item: Item, path: string, known: ReadonlySet<string>): SecretWish {
  let source: Item = item;
  let target: string | undefined;
  if (item.kind === 'map') {
    source = { kind: 'nothing', at: item.at };
    readKeys(item, path, {
      source: (value) => (source = value),
      target: (value, where) => (target = textOf(value, where)),
    });
  }
  const name = textOf(source, `${path}.source`);
  if (!known.has(name))
    throw refused(source.at, `${path}: secret ${name} is not named under secrets.`);
  const file = target === undefined || target.startsWith('/') ? target : `/run/secrets/${target}`;
  const text = file === undefined ? name : `${name}:${file}`;
  return parsed({ kind: 'text', at: source.at, text }, path, (one) => parseSecretMount(one, path));
}
