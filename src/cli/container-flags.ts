import { Flags } from '@oclif/core';

import { argument, idempotencyFlag, timeoutFlag } from './flags.js';

/** A flag that may be said many times, each with one value. */
function many(summary: string, helpValue: string, char?: 'e' | 'p' | 'v' | 'l') {
  return Flags.string({
    summary: `${summary} May be repeated.`,
    helpValue,
    multiple: true,
    multipleNonGreedy: true,
    ...(char === undefined ? {} : { char }),
  });
}

export const containerArgument = { container: argument('Id or name of the container.') };

const healthFlags = {
  'health-cmd': Flags.string({
    summary: 'Health check, run in the container by /bin/sh -c; 0 is healthy.',
    helpValue: '<words>',
  }),
  'health-interval': Flags.string({
    summary: 'How often it is checked [default: 10s].',
    helpValue: '<duration>',
  }),
  'health-timeout': Flags.string({
    summary: 'How long one check may take [default: 5s].',
    helpValue: '<duration>',
  }),
  'health-retries': Flags.integer({
    summary: 'So many failures in a row are unhealthy [default: 3].',
    helpValue: '<count>',
    min: 1,
    max: 100,
  }),
  'health-start-period': Flags.string({
    summary: 'For so long after its start failures do not count [default: none].',
    helpValue: '<duration>',
  }),
};

const confinementFlags = {
  user: Flags.string({
    char: 'u',
    summary: 'User that it runs as, such as 1000 or app:app [default: that of the image].',
    helpValue: '<user>',
  }),
  'cap-add': many('Capability that it keeps, such as NET_BIND_SERVICE.', '<capability>'),
  'writable-root': Flags.boolean({
    summary: 'Let it write to its root file system, which is lost with it.',
    allowNo: true,
  }),
  'allow-privilege-escalation': Flags.boolean({
    summary: 'Let its programs gain rights, as by setuid.',
    allowNo: true,
  }),
  'pids-limit': Flags.integer({
    summary: 'Most processes and threads [default: 256].',
    helpValue: '<count>',
    min: 1,
    max: 1_000_000,
  }),
};

/** Of the image, which a new container needs and a change does not. */
export const imageFlag = { summary: 'Image to run, such as nginx:1.27.', helpValue: '<image>' };

/** What a container is made of beside its image: the flags of `container deploy` and `container update`. */
export const specFlags = {
  command: many('A word of the command in the place of the image’s entrypoint.', '<word>'),
  arg: many(
    'A word of the arguments; all words after -- are taken as arguments as well.',
    '<word>',
  ),
  env: many('Variable, NAME=value; NAME takes it from the environment here.', '<variable>', 'e'),
  'env-file': many(
    'File with variables, one a line. Through npx, Node takes this flag for itself.',
    '<file>',
  ),
  secret: many('Secret that it finds as a file in /run/secrets, or at the path.', '<name[:/path]>'),
  publish: many('Port that can be reached at its node.', '<[host:]container[/tcp|udp]>', 'p'),
  volume: many(
    'Volume, or folder of the node that its owner allows.',
    '<name|path:/path[:ro]>',
    'v',
  ),
  cpus: Flags.string({ summary: 'Cores [default: 0.5].', helpValue: '<count>' }),
  memory: Flags.string({
    summary: 'Memory; more ends it [default: 256MiB].',
    helpValue: '<size>',
  }),
  restart: Flags.string({
    summary:
      'When it is started again: no, on-failure[:times], always or unless-stopped [default: unless-stopped].',
    helpValue: '<policy>',
  }),
  ...healthFlags,
  label: many('Label, key=value.', '<label>', 'l'),
  pull: Flags.option({
    summary: 'When the image is fetched [default: missing].',
    options: ['missing', 'always', 'never'] as const,
  })(),
  'registry-auth': Flags.string({
    summary: 'Secret that holds <user>:<password> for the registry.',
    helpValue: '<secret>',
  }),
  workdir: Flags.string({ char: 'w', summary: 'Folder that it starts in.', helpValue: '<path>' }),
  'stop-timeout': Flags.string({
    summary: 'How long it may take to stop before it is ended by force [default: 10s].',
    helpValue: '<duration>',
  }),
  'update-order': Flags.option({
    summary: 'Whether the new one starts before the old one stops [default: auto].',
    options: ['auto', 'start-first', 'stop-first'] as const,
  })(),
  ...confinementFlags,
};

/** Where a container is to be, and who pays for it. */
export const placeFlags = {
  replicas: Flags.integer({
    summary: 'How many copies of it run [default: 1].',
    helpValue: '<count>',
    min: 1,
    max: 100,
  }),
  node: Flags.string({ summary: 'Node that is to run it.', helpValue: '<node>' }),
  selector: many('Only nodes with this label, key=value.', '<label>'),
  'lost-after': Flags.string({
    summary: 'After how long without a word of its node it is placed elsewhere [default: 5m].',
    helpValue: '<duration>',
  }),
  'pay-from': Flags.string({
    summary: 'Node of your own that pays [default: your only one].',
    helpValue: '<node>',
  }),
};

/** How a command waits for containers. */
export const waitForFlags = {
  wait: Flags.boolean({
    summary: 'Wait until it is done; the default on a terminal.',
    allowNo: true,
  }),
  ...timeoutFlag,
  progress: Flags.string({
    summary: 'How the way there is shown on stderr.',
    options: ['auto', 'json', 'none', 'plain'] as const,
    default: 'auto' as const,
  }),
};

/** Of a command that changes one container and may be waited for. */
export const changeFlags = { ...waitForFlags, ...idempotencyFlag };
