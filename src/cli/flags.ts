import { Args, Flags } from '@oclif/core';

import { AppError } from '../core/types/errors/app-error.js';
import { quoted } from '../core/utils/quoted.js';

/**
 * A positional argument. Never read from stdin: oclif would by default, and a command in a `while read` loop would then eat the
 * rest of the loop.
 */
export function argument(description: string) {
  return Args.string({ description, required: true, ignoreStdin: true });
}

/** A positional number. oclif's own says that it is a bug of ours when the text is none. */
export function numberArgument(
  name: string,
  { description, min, max }: { description: string; min: number; max: number },
) {
  return Args.custom<number>({
    parse: async (text) => {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= min && value <= max) return value;
      throw new AppError(
        'USAGE_INVALID',
        `<${name}> ${quoted(text)} is no number from ${min} to ${max}.`,
        { argument: name },
      );
    },
  })({ description, required: true, ignoreStdin: true });
}

export const nodeArgument = { node: argument('Id or name of the node.') };

export const operationArgument = { operation: argument('Id of the operation.') };

export const idempotencyFlag = {
  'idempotency-key': Flags.string({
    summary: 'Makes a retry safe: the same key and request happen once.',
    helpValue: '<key>',
  }),
};

export const yesFlag = {
  yes: Flags.boolean({ char: 'y', summary: 'Answer every question with yes.' }),
};

export const timeoutFlag = {
  timeout: Flags.string({
    summary: 'Longest time to wait, such as 30s or 1h30m; then status 7.',
    helpValue: '<duration>',
  }),
};

export const waitFlag = {
  wait: Flags.boolean({ summary: 'Wait until the node has done it.' }),
};

export const progressFlag = {
  progress: Flags.string({
    summary: 'How progress is shown on stderr.',
    options: ['auto', 'json', 'none', 'plain'] as const,
    default: 'auto' as const,
  }),
};

/** The options of a call that changes something. */
export function callOptions(flags: { readonly 'idempotency-key'?: string | undefined }) {
  const key = flags['idempotency-key'];
  return key === undefined ? {} : { idempotencyKey: key };
}

export const memberArgument = { member: argument('Id or name of the member.') };

export const roleArgument = { role: argument('Name of the role.') };

export const rolesFlag = {
  role: Flags.string({
    summary: 'Role that the member has. May be repeated.',
    helpValue: '<role>',
    multiple: true,
    multipleNonGreedy: true,
  }),
};

export const invitationTtlFlag = {
  'invitation-ttl': Flags.string({
    summary: 'How long the invitation is good [default: 7d].',
    helpValue: '<duration>',
  }),
};

export const ifVersionFlag = {
  'if-version': Flags.integer({
    summary: 'Only if it still has this version, from --json; otherwise status 5.',
    helpValue: '<version>',
    min: 1,
  }),
};
