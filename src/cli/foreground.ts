import { spawn } from 'node:child_process';
import { once } from 'node:events';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface Foreground {
  /** Gives it a channel that closes with this process, however it ends. A program that knows of it does not outlive us. */
  readonly bound?: boolean;
}

/** Runs a program of ours in this terminal, and answers its exit status. Signals are passed on. */
export async function runForeground(
  args: readonly string[],
  { bound = false }: Foreground = {},
): Promise<number> {
  const child = spawn(process.execPath, [...args], {
    stdio: ['inherit', 'inherit', 'inherit', ...(bound ? (['ipc'] as const) : [])],
  });
  for (const signal of SIGNALS) {
    process.removeAllListeners(signal);
    // Ctrl-C reaches the program through the terminal too; a second one of the same does no harm there.
    process.on(signal, () => child.kill(signal));
  }
  await once(child, 'exit');
  return child.exitCode ?? 1;
}
