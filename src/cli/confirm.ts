import { AppError } from '../core/types/errors/app-error.js';

export interface Question {
  readonly message: string;
  /** Whether --yes or --json was given: the first answers, the second forbids to ask. */
  readonly yes: boolean;
  readonly json: boolean;
}

/**
 * Asks before something is lost. Only a person at a terminal is ever asked; a script must have said --yes.
 * @throws {AppError} CONFIRMATION_REQUIRED where nobody can be asked, OPERATION_CANCELLED for a no.
 */
export async function confirm({ message, yes, json }: Question): Promise<void> {
  if (yes) return;
  if (json || !process.stdin.isTTY || !process.stdout.isTTY) {
    throw new AppError(
      'CONFIRMATION_REQUIRED',
      'This needs a confirmation, and there is nobody to ask: add --yes.',
      { flag: '--yes' },
    );
  }
  const { default: inquirer } = await import('inquirer');
  const { sure } = await inquirer.prompt<{ sure: boolean }>([
    { type: 'confirm', name: 'sure', message, default: false },
  ]);
  if (!sure) throw new AppError('OPERATION_CANCELLED', 'Cancelled; nothing was changed.');
}
