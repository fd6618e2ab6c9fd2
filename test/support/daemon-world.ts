import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pino } from 'pino';

import type { Tracing } from '../../src/daemon/observability/tracing.js';

import { SyntropyClient } from '../../src/client/client.js';
import { localSocket } from '../../src/client/node/local-socket.js';
import { loadConfig } from '../../src/core/config/load.js';
import { resolveStatePaths } from '../../src/core/config/state-paths.js';
import { programSchemaVersion } from '../../src/core/storage/postgres/migrate.js';
import { compose } from '../../src/daemon/compose.js';
import { listenOnSocket } from '../../src/daemon/socket.js';
import { builtForMachines } from './built-for-machines.js';
import { freshDatabase, migrationsDirectory } from './postgres.js';

/** A daemon in this process: the real composition on a database of its own, served on a real socket, with the real writer. */
export async function daemonWorld(
  options: { config?: Record<string, string>; tracing?: Tracing } = {},
) {
  const database = await freshDatabase();
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-world-'));
  const paths = resolveStatePaths(path.join(home, 'state'));
  const start = async (daemonId: string = randomUUID()) => {
    const daemon = await compose({
      config: await loadConfig({ file: paths.configFile, env: {}, flags: options.config ?? {} }),
      database,
      schemaVersion: await programSchemaVersion(migrationsDirectory),
      masterKey: Buffer.alloc(32, 7),
      paths,
      log: pino({ level: 'silent' }),
      ...builtForMachines,
      writerEntry: path.resolve('dist/writer.mjs'),
      daemonId,
      onStop: () => undefined,
      tracing: options.tracing,
    });
    await listenOnSocket(daemon.rest, paths.socketPath, undefined);
    return daemon;
  };
  let daemon = await start();
  return {
    client: new SyntropyClient({ transport: localSocket(paths.socketPath) }),
    database,
    paths,
    /** A folder for this test's files. */
    home,
    /** A path in `home` with so many random bytes. */
    randomFile: async (name: string, bytes: number) => {
      const file = path.join(home, name);
      await writeFile(file, randomBytes(bytes));
      return file;
    },
    restart: async () => {
      await daemon.close();
      daemon = await start();
    },
    get interrupted() {
      return daemon.interrupted;
    },
    async [Symbol.asyncDispose]() {
      await daemon.close();
      await database[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

export type DaemonWorld = Awaited<ReturnType<typeof daemonWorld>>;
