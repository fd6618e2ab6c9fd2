import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { waitFor } from './wait-for.js';

const ADMIN = { name: 'root', password: 'canary-influx-4711' };

/** A real InfluxDB 1 that asks for a password, with a folder of its own; gone at the end of the scope. */
export async function startInflux() {
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-influx-'));
  const port = await freePort();
  const config = [
    'reporting-disabled = true',
    `bind-address = "127.0.0.1:${await freePort()}"`,
    `[meta]\ndir = "${home}/meta"`,
    `[data]\ndir = "${home}/data"\nwal-dir = "${home}/wal"\nquery-log-enabled = false`,
    `[http]\nbind-address = "127.0.0.1:${port}"\nauth-enabled = true\nlog-enabled = false`,
    '[logging]\nlevel = "error"',
    '[monitor]\nstore-enabled = false',
  ];
  await writeFile(path.join(home, 'influxdb.conf'), config.join('\n'));
  const url = `http://127.0.0.1:${port}`;
  const authorization = `Basic ${Buffer.from(`${ADMIN.name}:${ADMIN.password}`).toString('base64')}`;
  const ask = async (text: string) => {
    const response = await fetch(`${url}/query`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ db: 'grid', q: text }),
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the form of its HTTP API, version 1
    return (await response.json()) as {
      readonly results: readonly {
        readonly error?: string;
        readonly series?: readonly {
          readonly columns: readonly string[];
          readonly values: readonly (readonly unknown[])[];
        }[];
      }[];
    };
  };
  let child = await started(home, url);
  const stop = async () => {
    const exited = child.exitCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await exited;
  };
  await ask(`create user ${ADMIN.name} with password '${ADMIN.password}' with all privileges`);
  await ask('create database grid');
  return {
    url,
    ...ADMIN,
    /** The rows of a query in the database `grid`, by column. */
    async query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
      const { results } = await ask(text);
      const [series] = results[0]?.series ?? [];
      const { columns = [], values = [] } = series ?? {};
      return values.map((row) =>
        Object.fromEntries(columns.map((column, at) => [column, row[at]])),
      );
    },
    stop,
    start: async () => {
      child = await started(home, url);
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function started(home: string, url: string) {
  const child = spawn('influxd', ['run', '-config', path.join(home, 'influxdb.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaints += chunk));
  await waitFor(
    'InfluxDB to be ready',
    async () => {
      if (child.exitCode !== null) throw new Error(`InfluxDB has ended: ${complaints}`);
      return (await fetch(`${url}/ping`).catch(() => undefined))?.status === 204;
    },
    30_000,
  );
  return child;
}

/** Free a moment ago: InfluxDB does not say which port it has found. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('No port was given.');
  return address.port;
}
