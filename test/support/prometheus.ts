import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { waitFor } from './wait-for.js';

/** What a query found: the labels of a series, and what it stands at. */
interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Answer<T> {
  readonly status: string;
  readonly data: T;
}

/** A real Prometheus that scrapes these addresses every second, in a folder of its own; gone at the end of the scope. */
export async function startPrometheus(targets: readonly string[]) {
  const home = await mkdtemp(path.join(os.tmpdir(), 'syntropy-prometheus-'));
  const port = await freePort();
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      {
        job_name: 'syntropy',
        static_configs: [{ targets: targets.map((url) => new URL(url).host) }],
      },
    ],
  };
  // JSON is YAML, too.
  await writeFile(path.join(home, 'prometheus.yml'), JSON.stringify(config));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${path.join(home, 'prometheus.yml')}`,
      `--storage.tsdb.path=${path.join(home, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaints += chunk));
  const api = `http://127.0.0.1:${port}`;
  const close = async () => {
    const exited = child.exitCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await exited;
    await rm(home, { recursive: true, force: true });
  };
  try {
    await waitFor('Prometheus to be ready', async () => {
      if (child.exitCode !== null) throw new Error(`Prometheus has ended: ${complaints}`);
      const response = await fetch(`${api}/-/ready`).catch(() => undefined);
      return response?.status === 200;
    });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    /** What a query gives right now. */
    async query(text: string): Promise<readonly Sample[]> {
      const response = await fetch(`${api}/api/v1/query?query=${encodeURIComponent(text)}`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the form of its HTTP API, version 1
      const { data } = (await response.json()) as Answer<{
        result: readonly { metric: Record<string, string>; value: [number, string] }[];
      }>;
      return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    /** Whether it can read its targets, and why not. */
    async targets(): Promise<readonly { health: string; lastError: string }[]> {
      const response = await fetch(`${api}/api/v1/targets`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the form of its HTTP API, version 1
      const { data } = (await response.json()) as Answer<{
        activeTargets: readonly { health: string; lastError: string }[];
      }>;
      return data.activeTargets.map(({ health, lastError }) => ({ health, lastError }));
    },
    /** What type it has understood a metric to be of. */
    async typeOf(metric: string): Promise<string | undefined> {
      const response = await fetch(`${api}/api/v1/metadata?metric=${metric}`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the form of its HTTP API, version 1
      const { data } = (await response.json()) as Answer<
        Record<string, readonly { type: string }[]>
      >;
      return data[metric]?.[0]?.type;
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Free a moment ago: Prometheus takes no socket that is open already, and does not say which port it has found. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('No port was given.');
  return address.port;
}
