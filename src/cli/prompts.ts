import { AppError } from '../core/types/errors/app-error.js';

/** More is no secret that a person or a pipeline would have. */
const MAX_STDIN_CHARACTERS = 64 << 10;

export interface Asked {
  readonly message: string;
  /** What a script gives in the place of an answer. */
  readonly flag: string;
  /** Under --json nothing is ever asked. */
  readonly json: boolean;
}

/** Asks for a line. @throws {AppError} CONFIRMATION_REQUIRED where nobody can be asked. */
export async function ask(asked: Asked): Promise<string> {
  return prompted(asked, 'input');
}

/** Asks for a secret, which is not shown while it is typed. @throws {AppError} CONFIRMATION_REQUIRED where nobody can be asked. */
export async function askSecret(asked: Asked): Promise<string> {
  return prompted(asked, 'password');
}

/** Asks for a secret that is made up here and now, twice. @throws {AppError} CONFIRMATION_REQUIRED, USAGE_INVALID. */
export async function askNewSecret(asked: Asked): Promise<string> {
  const secret = await askSecret(asked);
  const again = await askSecret({ ...asked, message: 'The same again:' });
  if (again === secret) return secret;
  throw new AppError('USAGE_INVALID', 'The two are not the same; nothing was changed.');
}

async function prompted(
  { message, flag, json }: Asked,
  type: 'input' | 'password',
): Promise<string> {
  if (json || !process.stdin.isTTY || !process.stdout.isTTY) {
    throw new AppError(
      'CONFIRMATION_REQUIRED',
      `"${message}" must be answered, and there is nobody to ask: give ${flag}.`,
      { flag },
    );
  }
  const { default: inquirer } = await import('inquirer');
  const { answer } = await inquirer.prompt<{ answer: string }>([
    { type, name: 'answer', message, ...(type === 'password' ? { mask: '*' } : {}) },
  ]);
  return answer;
}

/**
 * The lines of standard input, without their ends: how a script hands over a secret, which would be in everybody's list of processes as
 * an argument.
 * @throws {AppError} USAGE_INVALID when there are fewer than `count`.
 */
export async function linesOfStdin(count: number, flag: string): Promise<readonly string[]> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > MAX_STDIN_CHARACTERS) {
      throw new AppError('USAGE_INVALID', `${flag}: standard input is too long for that.`, {
        flag,
      });
    }
  }
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  if (lines.slice(0, count).filter(Boolean).length === count) return lines.slice(0, count);
  const wanted = count === 1 ? 'a line' : `${count} lines`;
  throw new AppError('USAGE_INVALID', `${flag} wants ${wanted} on standard input.`, { flag });
}
