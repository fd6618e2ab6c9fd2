import { statfs } from 'node:fs/promises';
import os from 'node:os';

import type { MachineControl } from '../../services/node/machine.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { restartLinux } from '../linux/restart.js';

/** The machine that this process runs on. @param directory - on the disk that can be lent. */
export function hostControl(directory: string): MachineControl {
  return {
    async capacity() {
      const { blocks, bfree, bavail, bsize } = await statfs(directory);
      return {
        cpuMillis: os.availableParallelism() * 1_000,
        memoryBytes: os.totalmem(),
        // As samples tell of it: what is kept for root is nobody's to lend.
        diskBytes: (blocks - bfree + bavail) * bsize,
      };
    },
    async restart(force) {
      if (process.platform === 'linux') return restartLinux(force);
      throw new AppError('CAPABILITY_MISSING', `An agent cannot restart ${process.platform} yet.`);
    },
  };
}
