import { Flags } from '@oclif/core';

/** What `node create` is told about the node and its stick. */
export const createFlags = {
  name: Flags.string({
    summary: 'Name of the node, a DNS label.',
    helpValue: '<name>',
    required: true,
  }),
  owner: Flags.string({
    summary: 'Member that the node belongs to [default: who makes it].',
    helpValue: '<member>',
  }),
  usb: Flags.string({
    summary: 'The disk to write, from `syntropy usb list`.',
    helpValue: '<device>',
    exactlyOne: ['usb', 'output'],
  }),
  output: Flags.string({ summary: 'Write an image file instead.', helpValue: '<file>' }),
  image: Flags.string({
    summary: 'Image to write: a raw, gz, xz, zst, bz2 or zip file, or the built-in seed.',
    default: 'seed',
    helpValue: '<file|seed>',
  }),
  sha256: Flags.string({ summary: 'SHA-256 that the image file must have.', helpValue: '<hex>' }),
  label: Flags.string({
    summary: 'Label of the node, key=value. May be repeated.',
    helpValue: '<label>',
    multiple: true,
    multipleNonGreedy: true,
  }),
  description: Flags.string({ summary: 'A line about the node.' }),
  'ssh-key': Flags.string({
    summary: 'File with a public key that may log in. May be repeated.',
    helpValue: '<file>',
    multiple: true,
    multipleNonGreedy: true,
  }),
  'daemon-url': Flags.string({
    summary: 'Address under which the node will reach this daemon.',
    helpValue: '<url>',
  }),
  'join-ttl': Flags.string({
    summary: 'How long the stick can be used to join [default: 7d].',
    helpValue: '<duration>',
  }),
  verify: Flags.boolean({
    summary: 'Read every written byte back; --no-verify leaves it out.',
    default: true,
    allowNo: true,
  }),
  config: Flags.boolean({
    summary: 'Place the identity on the stick; --no-config leaves the image as it is.',
    default: true,
    allowNo: true,
  }),
  unmount: Flags.boolean({ summary: 'Unmount what is mounted from the disk first.' }),
  eject: Flags.boolean({ summary: 'Eject the stick when it is done.' }),
  'accept-risk': Flags.option({
    summary: 'Accept a risk by its name: not-removable for a disk that is built in.',
    options: ['not-removable'] as const,
    multiple: true,
    multipleNonGreedy: true,
  })(),
};
