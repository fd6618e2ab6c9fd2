import { Flags } from '@oclif/core';

/** Settings that a start of the daemon can be given on the command line. */
export const daemonFlags = {
  'log-level': Flags.string({
    summary: 'What is worth a line in the log.',
    options: ['trace', 'debug', 'info', 'warn', 'error'] as const,
  }),
  'public-url': Flags.string({
    summary: 'Address under which nodes reach this daemon.',
    helpValue: '<url>',
  }),
};

/** The same, as the daemon's own arguments. */
export function daemonArguments(flags: {
  readonly 'log-level'?: string | undefined;
  readonly 'public-url'?: string | undefined;
}): string[] {
  return (['log-level', 'public-url'] as const).flatMap((name) => {
    const value = flags[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
}
