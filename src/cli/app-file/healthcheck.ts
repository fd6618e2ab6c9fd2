import type { ContainerSpec } from '../../contract/schemas/container.js';
import type { Item } from './items.js';

import { healthDefaults } from '../health-defaults.js';
import { durationOf } from './durations.js';
import { booleanOf, countOf, readKeys, refused, textsOf } from './items.js';

const MOST_RETRIES = 100;

/** A health check as Compose writes it; nothing, when it is disabled. @throws {AppError} APP_FILE_INVALID. */
export function healthOf(item: Item, path: string): ContainerSpec['health'] {
  let command: string[] | undefined;
  let isDisabled = false;
  const times: { -readonly [K in keyof typeof healthDefaults]: number } = { ...healthDefaults };
  readKeys(item, path, {
    test: (value, where) => (command = testOf(value, where)),
    interval: (value, where) => (times.intervalMs = durationOf(value, where)),
    timeout: (value, where) => (times.timeoutMs = durationOf(value, where)),
    retries: (value, where) => (times.retries = countOf(value, where, MOST_RETRIES)),
    start_period: (value, where) => (times.startPeriodMs = durationOf(value, where)),
    disable: (value, where) => (isDisabled = booleanOf(value, where)),
  });
  if (isDisabled || command?.length === 0) return undefined;
  if (!command) throw refused(item.at, `${path} needs a test.`);
  return { command, ...times };
}

/** A text is for a shell; a list begins with CMD, CMD-SHELL or NONE. */
function testOf(item: Item, path: string): string[] {
  if (item.kind === 'text') return ['/bin/sh', '-c', item.text];
  const [kind, ...words] = textsOf(item, path);
  if (kind === 'NONE' && words.length === 0) return [];
  if (kind === 'CMD' && words.length > 0) return words;
  if (kind === 'CMD-SHELL' && words.length === 1) return ['/bin/sh', '-c', ...words];
  throw refused(item.at, `${path} is to be a text, or a list that begins with CMD or CMD-SHELL.`);
}
