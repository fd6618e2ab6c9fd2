import type { EngineDeps } from './engine.js';

import { AppError } from '../../../types/errors/app-error.js';

/** What the engine needs of this host's system. Loaded by platform, because only one is ever used. */
export async function hostDeps(): Promise<EngineDeps> {
  switch (process.platform) {
    case 'linux':
      return (await import('../../linux/engine-deps.js')).linuxEngineDeps;
    case 'darwin':
      return (await import('../../darwin/engine-deps.js')).darwinEngineDeps;
    case 'win32':
      return (await import('../../windows/engine-deps.js')).windowsEngineDeps;
    default:
      return { identify: refuse, unmount: refuse, eject: refuse };
  }
}

async function refuse(): Promise<never> {
  throw new AppError(
    'CAPABILITY_MISSING',
    `Sticks are not written on ${process.platform} yet; use --output.`,
  );
}
