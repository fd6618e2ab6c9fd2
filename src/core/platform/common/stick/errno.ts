import type { ErrorCode } from '../../../types/errors/codes.js';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';

const codes: Readonly<Record<string, { readonly code: ErrorCode; readonly text: string }>> = {
  ENOSPC: { code: 'DISK_FULL', text: 'There is no more space on' },
  EDQUOT: { code: 'DISK_FULL', text: 'The quota is used up on' },
  EFBIG: { code: 'DISK_FULL', text: 'The image is larger than a file may be on' },
  ENXIO: { code: 'DEVICE_GONE', text: 'There is no longer a medium in' },
  ENODEV: { code: 'DEVICE_GONE', text: 'There is no longer a device at' },
  ENOMEDIUM: { code: 'DEVICE_GONE', text: 'There is no medium in' },
  ENOENT: { code: 'DEVICE_GONE', text: 'There is no longer a' },
  EIO: { code: 'WRITE_FAILED', text: 'The drive reports an error:' },
  EREMOTEIO: { code: 'WRITE_FAILED', text: 'The drive reports an error:' },
  EBUSY: { code: 'DEVICE_BUSY', text: 'Another program holds' },
  EACCES: { code: 'DEVICE_PERMISSION', text: 'The daemon may not open' },
  EPERM: { code: 'DEVICE_READ_ONLY', text: 'Write protection is on for' },
  EROFS: { code: 'DEVICE_READ_ONLY', text: 'Write protection is on for' },
};

/** Says in our codes what the system said about a target. Unknown errors are a failed write, with their errno. */
export function targetError(error: unknown, target: string): AppError {
  if (error instanceof AppError) return error;
  const errno = errorCode(error) ?? 'unknown error';
  const known = codes[errno];
  const text = known?.text ?? `The write failed (${errno}):`;
  return new AppError(
    known?.code ?? 'WRITE_FAILED',
    `${text} ${target}.`,
    { target, errno },
    {
      cause: error,
    },
  );
}
