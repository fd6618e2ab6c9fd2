import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 180_000;
const SYNTROPY = path.resolve('bin/syntropy.cjs');

/**
 * How long `syntropy node create` takes as a person waits for it: command, daemon, database, writer and verify. Once, in
 * milliseconds, with a daemon of its own that is running by then.
 */
export async function wholeCommandMs({ device, image }) {
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-bench-'));
  // As root, Postgres runs as another account, which must be able to pass through.
  await chmod(home, 0o755);
  const env = {
    ...process.env,
    SYNTROPY_STATE_DIR: path.join(home, 'state'),
    SYNTROPY_CLUSTER_ROOT: path.join(home, 'clusters'),
  };
  const syntropy = (line) =>
    run(process.execPath, [SYNTROPY, ...line.split(' ')], { env, timeout: TIMEOUT_MS });
  try {
    await syntropy('daemon start');
    const began = performance.now();
    await syntropy(
      `node create --name bench --usb ${device} --image ${image} --no-config --accept-risk not-removable --yes`,
    );
    return performance.now() - began;
  } finally {
    await syntropy('daemon stop').catch(() => undefined);
    await rm(home, { recursive: true, force: true });
  }
}
