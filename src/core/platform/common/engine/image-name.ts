import { AppError } from '../../../types/errors/app-error.js';

/** A name of an image, taken apart. */
export interface ImageName {
  /** Without tag and digest, as it was written. */
  readonly repository: string;
  readonly tag: string;
  readonly digest: string | undefined;
}

const MAX_NAME_LENGTH = 255;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const TAG = /^\w[\w.-]{0,127}$/;
/** A host with a port, then parts in lower case (https://github.com/distribution/reference, grammar). */
const REPOSITORY =
  /^(?:(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:\d)|\[[0-9a-fA-F:]+\])(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;

/** @throws {AppError} INPUT_INVALID. */
export function imageName(ref: string): ImageName {
  const [before = '', digest, more] = ref.split('@');
  const colon = before.lastIndexOf(':');
  const hasTag = colon > before.lastIndexOf('/');
  const repository = hasTag ? before.slice(0, colon) : before;
  const tag = hasTag ? before.slice(colon + 1) : 'latest';
  // To an engine it is the id of an image, whoever's that is.
  const isId = repository === 'sha256';
  const isName =
    !isId && repository.length <= MAX_NAME_LENGTH && REPOSITORY.test(repository) && TAG.test(tag);
  if (!isName || more !== undefined || (digest !== undefined && !DIGEST.test(digest))) {
    throw new AppError(
      'INPUT_INVALID',
      `"${ref.slice(0, MAX_NAME_LENGTH)}" is no name of an image.`,
    );
  }
  return { repository, tag, digest };
}

/** The same for all ways to write the same repository. */
export function fullRepository(repository: string): string {
  const [first = '', ...rest] = repository.split('/');
  if (rest.length === 0) return `docker.io/library/${first}`;
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  return isHost
    ? repository.replace(/^index\.docker\.io\//, 'docker.io/')
    : `docker.io/${repository}`;
}

/** The host that an image is asked of, as credentials name it. */
export function registryOf(repository: string): string {
  return fullRepository(repository).split('/')[0] ?? '';
}
