import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { Redis } from 'ioredis';

import { waitFor } from './wait-for.js';

/** A real Redis of one test’s own, empty at each start, on a socket of its own. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** Kills it; whoever is connected learns at once. */
  stop(): Promise<void>;
  /** Starts it again, empty. */
  start(): Promise<void>;
  /** Makes it say nothing any more, with its connections open. */
  freeze(): void;
  thaw(): void;
  /** Asks it something over a connection of the test’s own. */
  ask<T>(work: (redis: Redis) => Promise<T>): Promise<T>;
}

/** Starts a server; `args` are further ones of redis-server’s. */
export async function startRedis(...args: readonly string[]): Promise<TestRedis> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-redis-'));
  const socket = path.join(directory, 'redis.sock');
  let server: ChildProcess | undefined;
  const killLeftover = () => void server?.kill('SIGKILL');
  // A run that is terminated ends at once, without the test’s end.
  process.once('exit', killLeftover);

  const start = async () => {
    server = spawn(
      'redis-server',
      ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', directory, ...args],
      { stdio: 'ignore' },
    );
    await waitFor('redis-server', () => answers(socket));
  };
  const stop = async () => {
    const running = server;
    server = undefined;
    if (!running || running.exitCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
    await rm(socket, { force: true });
  };
  await start();
  return {
    url: `unix://${socket}`,
    start,
    stop,
    freeze: () => void server?.kill('SIGSTOP'),
    thaw: () => void server?.kill('SIGCONT'),
    async ask(work) {
      const client = connect(socket);
      try {
        await client.connect();
        return await work(client);
      } finally {
        client.disconnect();
      }
    },
    async [Symbol.asyncDispose]() {
      process.off('exit', killLeftover);
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect(socket);
    connection.once('error', () => resolve(false));
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
  });
}

function connect(socket: string): Redis {
  const client = new Redis({ path: socket, lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  return client;
}
