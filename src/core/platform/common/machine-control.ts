import { statfs } from 'node:fs/promises';
import os from 'node:os';

import type { MachineControl } from '../../services/node/machine.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { restartLinux } from '../linux/restart.js';

/** The machine that this process runs on. @param directory - on the disk that can be lent. */
export function hostControl(directory: string): MachineControl {
  return {
    async capacity() {
      const { blocks, bsize } = await statfs(directory);
      return {
        cpuMillis: os.availableParallelism() * 1_000,
        memoryBytes: os.totalmem(),
        diskBytes: blocks * bsize,
      };
    },
    async restart(force) {
      if (process.platform === 'linux') return restartLinux(force);
      throw new AppError('CAPABILITY_MISSING', `An agent cannot restart ${process.platform} yet.`);
    },
  };
}
