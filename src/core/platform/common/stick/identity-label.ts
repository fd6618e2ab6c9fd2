import { AppError } from '../../../types/errors/app-error.js';

/** Label of the partition that cloud-init's NoCloud source looks for. */
export const IDENTITY_LABEL = 'CIDATA';

export function withoutIdentity(): AppError {
  return new AppError(
    'IMAGE_WITHOUT_CIDATA',
    `The image has no FAT partition labelled ${IDENTITY_LABEL} to put the identity in.`,
  );
}
