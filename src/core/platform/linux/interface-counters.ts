import { readFile, readlink } from 'node:fs/promises';

import { parseNetworks } from './host/proc.js';

/** What has gone through the interfaces of a process's network namespace, since that was made. */
export interface InterfaceCounters {
  /** Tells one network from another, for as long as both are there. */
  readonly namespace: string;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/**
 * Over all interfaces but `lo`. Undefined where there is no such process any more, or where its network is this machine's own: that would be
 * everybody's traffic.
 */
export async function interfaceCounters(
  pid: number,
  proc = '/proc',
): Promise<InterfaceCounters | undefined> {
  try {
    const [namespace, own, text] = await Promise.all([
      readlink(`${proc}/${pid}/ns/net`),
      readlink(`${proc}/self/ns/net`),
      readFile(`${proc}/${pid}/net/dev`, 'utf8'),
    ]);
    if (namespace === own) return undefined;
    let [rxBytes, txBytes] = [0, 0];
    for (const [name, { rx, tx }] of parseNetworks(text)) {
      if (name === 'lo') continue;
      rxBytes += rx;
      txBytes += tx;
    }
    return { namespace, rxBytes, txBytes };
  } catch {
    return undefined;
  }
}
