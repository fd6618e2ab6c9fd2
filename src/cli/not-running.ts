import { AppError } from '../core/types/errors/app-error.js';
import { errorCode } from '../core/types/errors/error-code.js';

/** What the node of a replica says of it, which it knows by a number only, with the name that was asked for. */
export async function* namingIdle<T>(
  items: AsyncIterable<T>,
  { container, replica }: { readonly container: string; readonly replica?: number | undefined },
): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    if (errorCode(error) !== 'CONTAINER_NOT_RUNNING') throw error;
    const which = replica === undefined ? 'Container' : `Replica ${replica} of container`;
    throw new AppError('CONTAINER_NOT_RUNNING', `${which} ${container} does not run at this time.`);
  }
}
