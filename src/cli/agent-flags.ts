import { Flags } from '@oclif/core';

/** What the owner of a machine says of containers, to an agent that is run or installed. */
export const containerFlags = {
  engine: Flags.string({
    summary: 'What runs containers: auto, none, or unix:///<path of a socket>.',
    helpValue: '<engine>',
    default: 'auto',
  }),
  'allow-bind': Flags.string({
    summary: 'Let containers have this folder of the machine. May be repeated.',
    helpValue: '<folder>',
    multiple: true,
  }),
};

/** The same as arguments of the agent's program. */
export function containerArgs(flags: {
  readonly engine: string;
  readonly 'allow-bind'?: readonly string[] | undefined;
}): readonly string[] {
  const folders = flags['allow-bind'] ?? [];
  return ['--engine', flags.engine, ...folders.flatMap((folder) => ['--allow-bind', folder])];
}
