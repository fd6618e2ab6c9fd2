import { AppError } from '../../../types/errors/app-error.js';

import type { EngineDeps } from './engine.js';

/** What the engine needs of this host's system. Loaded by platform, because only one is ever used. */
export async function hostDeps(): Promise<EngineDeps> {
  if (process.platform === 'linux') {
    const { linuxEngineDeps } = await import('../../linux/engine-deps.js');
    return linuxEngineDeps;
  }
  return { identify: refuse, unmount: refuse, eject: refuse };
}

async function refuse(): Promise<never> {
  throw new AppError(
    'CAPABILITY_MISSING',
    `Sticks are not written on ${process.platform} yet; use --output.`,
  );
}
