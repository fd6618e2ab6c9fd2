import { Flags } from '@oclif/core';
import path from 'node:path';

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
  listen: Flags.string({
    summary: 'Serve the API to other machines there, such as 0.0.0.0:8080.',
    helpValue: '<address:port>',
  }),
  tls: Flags.string({
    summary: 'Whether that is done over TLS; off only behind something that does.',
    options: ['on', 'off'] as const,
  }),
  'tls-cert': Flags.string({
    summary: 'Certificate chain in PEM to use, and not one of the grid’s own authority.',
    helpValue: '<file>',
    dependsOn: ['tls-key'],
  }),
  'tls-key': Flags.string({
    summary: 'Private key of that certificate, in PEM.',
    helpValue: '<file>',
    dependsOn: ['tls-cert'],
  }),
};

const AS_THEY_ARE = ['log-level', 'public-url', 'listen', 'tls'] as const;
const FILES = ['tls-cert', 'tls-key'] as const;

type DaemonFlags = {
  readonly [Name in (typeof AS_THEY_ARE)[number] | (typeof FILES)[number]]?: string | undefined;
};

/** The same, as the daemon's own arguments. Paths become absolute here: only here is it known where the person is. */
export function daemonArguments(flags: DaemonFlags): string[] {
  return [
    ...AS_THEY_ARE.map((name) => [name, flags[name]] as const),
    ...FILES.map((name) => [name, flags[name] && path.resolve(flags[name])] as const),
  ].flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
}
