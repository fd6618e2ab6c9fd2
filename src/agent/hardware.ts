import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Check } from 'typebox/value';

import type { Hardware as HardwareFacts } from '../core/types/models/hardware.js';

import { Hardware } from '../contract/schemas/hardware.js';
import { AppError } from '../core/types/errors/app-error.js';

const TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 64 << 10;

const run = promisify(execFile);

/**
 * What this machine is made of, found out by a process that ends then: the library for it would be a quarter of the agent's memory.
 * It is this very program, started once more with the verb `hardware`.
 * @throws {AppError} AGENT_FAILED.
 */
export async function hardwareByChild(signal: AbortSignal): Promise<HardwareFacts> {
  const [, program = ''] = process.argv;
  const { PATH = '/usr/sbin:/usr/bin:/sbin:/bin' } = process.env;
  try {
    const { stdout } = await run(process.execPath, [...process.execArgv, program, 'hardware'], {
      signal,
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_ANSWER_BYTES,
      // Nothing of what this process was started with is any business of the programs that are asked.
      env: { PATH, LANG: 'C' },
    });
    const told: unknown = JSON.parse(stdout);
    if (Check(Hardware, told)) return told;
    throw new TypeError('It is not as the contract says.');
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : 'unknown';
    throw new AppError('AGENT_FAILED', `The hardware could not be read: ${reason}`);
  }
}
