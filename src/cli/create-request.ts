import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { OperationInput } from '../contract/registry.js';

import { AppError } from '../core/types/errors/app-error.js';
import { parseDuration } from './duration.js';

export type CreateInput = OperationInput<'nodes.create'>;

/** More is no public key file. */
const MAX_KEY_FILE_BYTES = 64 << 10;

interface CreateFlags {
  readonly name: string;
  readonly owner?: string | undefined;
  readonly usb?: string | undefined;
  readonly output?: string | undefined;
  readonly image: string;
  readonly sha256?: string | undefined;
  readonly label?: readonly string[] | undefined;
  readonly 'ssh-key'?: readonly string[] | undefined;
  readonly description?: string | undefined;
  readonly 'daemon-url'?: string | undefined;
  readonly 'join-ttl'?: string | undefined;
  readonly verify: boolean;
  readonly config: boolean;
  readonly unmount: boolean;
  readonly eject: boolean;
  readonly 'accept-risk'?: readonly 'not-removable'[] | undefined;
  readonly yes: boolean;
}

/**
 * What the daemon is asked for, from the flags. Paths become absolute here, because only here is it known where the person is;
 * keys are read here, because they are this person's files and not the daemon's.
 * @throws {AppError} USAGE_INVALID, FILE_NOT_FOUND.
 */
export async function createRequest(flags: CreateFlags): Promise<CreateInput> {
  const { sha256, description, owner } = flags;
  const daemonUrl = flags['daemon-url'];
  const ttl = flags['join-ttl'];
  return {
    name: flags.name,
    target:
      flags.output === undefined
        ? { device: path.resolve(flags.usb ?? '') }
        : { output: path.resolve(flags.output), replace: flags.yes },
    image: flags.image === 'seed' ? 'seed' : path.resolve(flags.image),
    labels: Object.fromEntries((flags.label ?? []).map(labelOf)),
    sshKeys: (await Promise.all((flags['ssh-key'] ?? []).map(readKeys))).flat(),
    verify: flags.verify,
    config: flags.config,
    unmount: flags.unmount,
    eject: flags.eject,
    acceptRisks: [...(flags['accept-risk'] ?? [])],
    ...(owner === undefined ? {} : { owner }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(description === undefined ? {} : { description }),
    ...(daemonUrl === undefined ? {} : { daemonUrl }),
    ...(ttl === undefined
      ? {}
      : { joinTtlSeconds: Math.round(parseDuration(ttl, 'join-ttl') / 1000) }),
  };
}

function labelOf(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

async function readKeys(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new AppError('FILE_NOT_FOUND', `The SSH key ${file} cannot be read.`, { file });
  });
  if (text.includes('PRIVATE KEY')) {
    throw new AppError(
      'USAGE_INVALID',
      `${file} is a private key; give the public one, ${file}.pub.`,
      {
        file,
      },
    );
  }
  const keys = text.split('\n').map((line) => line.trim());
  if (text.length <= MAX_KEY_FILE_BYTES)
    return keys.filter((line) => line !== '' && !line.startsWith('#'));
  throw new AppError('USAGE_INVALID', `${file} is too large for a public key.`, { file });
}
