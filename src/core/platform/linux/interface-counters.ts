import { readFile, readlink } from 'node:fs/promises';

/** What has gone through the interfaces of a process's network namespace, since that was made. */
export interface InterfaceCounters {
  /** Tells one network from another, for as long as both are there. */
  readonly namespace: string;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** The columns of /proc/net/dev (proc_pid_net(5)): bytes received come first, bytes sent ninth. */
const RX = 0;
const TX = 8;

/** Undefined where there is no such process any more, or it has the network of this one: that is not its own. */
export async function interfaceCounters(pid: number): Promise<InterfaceCounters | undefined> {
  try {
    const [namespace, own, text] = await Promise.all([
      readlink(`/proc/${pid}/ns/net`),
      readlink('/proc/self/ns/net'),
      readFile(`/proc/${pid}/net/dev`, 'utf8'),
    ]);
    return namespace === own ? undefined : { namespace, ...summed(text) };
  } catch {
    return undefined;
  }
}

function summed(text: string): { readonly rxBytes: number; readonly txBytes: number } {
  let [rxBytes, txBytes] = [0, 0];
  for (const line of text.split('\n')) {
    const [, name, rest] = /^\s*([^\s:]+):(.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined || name === 'lo') continue;
    const columns = rest.trim().split(/\s+/).map(Number);
    rxBytes += columns[RX] ?? 0;
    txBytes += columns[TX] ?? 0;
  }
  return { rxBytes, txBytes };
}
