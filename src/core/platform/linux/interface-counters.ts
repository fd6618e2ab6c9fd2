import { readlink } from 'node:fs/promises';

import { readText } from './cgroup-files.js';
import { type NetworkBytes, parseNetworks } from './host/proc.js';

/**
 * What a process' network has received and sent since it was made, over all interfaces but `lo`. Undefined where there is no such process any more, or
 * where its network is this machine's own: that would be everybody's traffic.
 */
export async function interfaceCounters(
  pid: number,
  proc = '/proc',
): Promise<NetworkBytes | undefined> {
  const network = (of: string) => readlink(`${proc}/${of}/ns/net`).catch(() => undefined);
  const [its, ours] = await Promise.all([network(String(pid)), network('self')]);
  if (its === undefined || its === ours) return undefined;
  const text = await readText(`${proc}/${pid}/net/dev`).catch(() => undefined);
  if (text === undefined) return undefined;
  let [rx, tx] = [0, 0];
  for (const [name, bytes] of parseNetworks(text)) {
    if (name === 'lo') continue;
    rx += bytes.rx;
    tx += bytes.tx;
  }
  return { rx, tx };
}
