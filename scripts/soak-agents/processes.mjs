import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** Starts one of our programs on a machine. `ip netns exec` becomes the program, so the child is that and nothing else. */
export function startOn({ namespace }, args, options) {
  return spawn('ip', ['netns', 'exec', namespace, process.execPath, ...args], options);
}

/** Resolves when it has ended; at once when it has already. */
export async function ended(child) {
  if (hasEnded(child)) return;
  await once(child, 'exit');
}

export function hasEnded({ exitCode, signalCode }) {
  return exitCode !== null || signalCode !== null;
}

/** The most memory that a process has had, in bytes. */
export function peakBytes(child) {
  return bytesOf(child, /VmHWM:\s+(\d+)/);
}

/** The memory that it has now, in bytes. */
export function residentBytes(child) {
  return bytesOf(child, /VmRSS:\s+(\d+)/);
}

function bytesOf({ pid }, line) {
  try {
    const [, kib] = line.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib ?? 0) * 1024;
  } catch {
    // It has just ended.
    return 0;
  }
}
