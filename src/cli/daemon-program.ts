import path from 'node:path';

/**
 * Options of Node for a daemon. By default V8 lets its young generation grow to 3 × 32 MiB under load and keeps it, which is most of
 * what a busy daemon holds; its objects die with their request, so a quarter of that collects them as well (`npm run bench:api`).
 */
const NODE_OPTIONS = ['--max-semi-space-size=8'];

/** The arguments for Node that start the daemon of the installation: options, then the program. Its own arguments follow. */
export function daemonProgram(installation: string): readonly string[] {
  return [...NODE_OPTIONS, path.join(installation, 'bin', 'syntropy-daemon.mjs')];
}
