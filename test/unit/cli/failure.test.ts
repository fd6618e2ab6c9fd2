import { describe, expect, it } from 'vitest';

import { exitCodeOf, failureOf, failureText } from '../../../src/cli/failure.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';
import { errorCodes } from '../../../src/core/types/errors/codes.js';

/** As another bundle's AppError is: of the same shape, and of no class of ours. */
function foreignAppError(code: string): Error {
  return Object.assign(new Error('It went wrong.'), { name: 'AppError', code, details: { a: 1 } });
}

const shown = (message: string) => failureText(failureOf(new AppError('TIMED_OUT', message)));

describe('a failure', () => {
  it('has code, message, hint and details', () => {
    expect(failureOf(new AppError('NODE_NOT_FOUND', 'There is none.', { node: 'x' }))).toEqual({
      code: 'NODE_NOT_FOUND',
      message: 'There is none.',
      hint: errorCodes.NODE_NOT_FOUND.hint,
      details: { node: 'x' },
    });
  });

  it('is known by its shape, for every command is a bundle of its own', () => {
    const failure = failureOf(foreignAppError('DISK_FULL'));
    expect(failure).toMatchObject({ code: 'DISK_FULL', details: { a: 1 } });
    expect(exitCodeOf(failure)).toBe(1);
  });

  it('is a bug where its code is none of ours', () => {
    expect(exitCodeOf(failureOf(foreignAppError('ENOENT')))).toBe(70);
    expect(exitCodeOf(failureOf('a string'))).toBe(70);
  });

  it('is a wrong usage where oclif’s parser says so, and names the flag that was meant', () => {
    const error = Object.assign(
      new Error('Nonexistent flag: --stauts\nSee more help with --help'),
      {
        oclif: { exit: 2 },
        flags: ['--stauts'],
        parse: { input: { flags: { status: {}, sort: {} } } },
      },
    );
    expect(failureOf(error)).toMatchObject({
      code: 'USAGE_INVALID',
      message: 'There is no flag --stauts; did you mean --status?',
    });
  });

  it('names each argument that is missing, in the words of its description', () => {
    const message = 'Missing 2 required args:\nnode  Id or name of\n      it.\nother';
    const error = Object.assign(new Error(message), {
      oclif: { exit: 2 },
      args: [{ name: 'node', description: 'Id or name of it.' }, { name: 'other' }],
    });
    expect(failureOf(error).message).toBe(
      '<node> is missing: Id or name of it. <other> is missing.',
    );
  });

  it('names each flag that is missing, also one that is called as a word of a sentence', () => {
    const message = 'The following error occurred:\n  Missing required flag for';
    const flags = { for: { required: true, summary: 'Status to wait for.' }, timeout: {} };
    const error = Object.assign(new Error(message), {
      oclif: { exit: 2 },
      parse: { input: { flags }, output: { flags: {} } },
    });
    expect(failureOf(error).message).toBe('--for is missing: Status to wait for.');
  });

  it.each([
    [
      'The following errors occurred:\n  \u001B[2m--a cannot also be provided when using --b\n  --c too\u001B[22m',
      '--a cannot also be provided when using --b. --c too.',
    ],
    [
      'Parsing --count \n\tExpected an integer but received: x',
      '--count: Expected an integer but received: x.',
    ],
    ['Unexpected argument: extra', 'Unexpected argument: extra.'],
  ])('makes sentences of what the parser has no fields for: %j', (text, message) => {
    const error = Object.assign(new Error(`${text}\nSee more help with --help`), {
      oclif: { exit: 2 },
      args: text.startsWith('Unexpected') ? ['extra'] : undefined,
      parse: { input: { flags: { for: { required: true } } }, output: { flags: { for: 'x' } } },
    });
    expect(failureOf(error).message).toBe(message);
  });

  it('is an interruption where a question was answered with Ctrl-C', () => {
    const error = Object.assign(new Error('User force closed'), { name: 'ExitPromptError' });
    expect(exitCodeOf(failureOf(error))).toBe(130);
  });

  it('takes one line where it fits, and two where it does not', () => {
    expect(shown('Too late.')).toBe('Error: Too late. Allow more time with --timeout.\n');
    expect(shown('x'.repeat(90)).split('\n')).toHaveLength(3);
  });

  it('never passes on the control characters of a message', () => {
    const error = new AppError('NODE_NOT_FOUND', 'a\u001B[2Jb');
    expect(failureText(failureOf(error))).not.toContain('\u001B');
  });
});
