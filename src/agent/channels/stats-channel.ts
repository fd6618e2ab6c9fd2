import type { ReplicaStats } from '../../contract/agent/channel.js';
import type { Outlet } from './outlet.js';

import { AppError } from '../../core/types/errors/app-error.js';
import { slept } from '../../core/utils/slept.js';

const EACH_MS = 1_000;

/** Sends what a replica uses, each second. @throws {AppError} CONTAINER_NOT_RUNNING. */
export async function sendStats(
  read: () => Promise<ReplicaStats | undefined>,
  { once }: { readonly once: boolean },
  outlet: Outlet,
): Promise<void> {
  do {
    const stats = await read();
    if (!stats) throw new AppError('CONTAINER_NOT_RUNNING', 'It does not run at this time.');
    if (!(await outlet.send({ stats })) || once) return;
  } while (await slept(EACH_MS, outlet.signal));
}
