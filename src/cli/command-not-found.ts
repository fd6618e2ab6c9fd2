import type { Hook } from '@oclif/core';

import { AppError } from '../core/types/errors/app-error.js';
import { closest } from '../core/utils/closest.js';

/** Says what was probably meant. Loaded by oclif when there is no such command. */
const commandNotFound: Hook<'command_not_found'> = async ({ id, argv, config }) => {
  const known = [...config.commandIDs, ...config.topics.map((topic) => topic.name)].map(words);
  const typed = words(id);
  const prefix = config.commandIDs.map(words).find((command) => typed.startsWith(`${command} `));
  if (prefix !== undefined) {
    const extra = typed.slice(prefix.length + 1);
    throw new AppError('USAGE_INVALID', `"${config.bin} ${prefix}" takes no "${extra}".`);
  }
  const [next] = argv ?? [];
  const near =
    (next === undefined ? undefined : closest(`${typed} ${next}`, known)) ?? closest(typed, known);
  throw new AppError(
    'USAGE_INVALID',
    `There is no command "${typed}"${near ? `; did you mean "${config.bin} ${near}"?` : '.'}`,
  );
};

function words(id: string): string {
  return id.replaceAll(':', ' ');
}

export default commandNotFound;
