import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { TestIdentity } from './certificates.js';
import type { lan } from './netns.js';

import { scratchFolder } from './scratch.js';
import { waitFor } from './wait-for.js';

/** A machine that announces itself as a daemon with this hint. Resolves when it has begun to. */
export async function startImpostor(
  host: ReturnType<typeof lan>['hosts'][number],
  hint: string,
  { key, cert }: Pick<TestIdentity, 'key' | 'cert'>,
) {
  const folder = await scratchFolder();
  const file = folder.file('identity.json');
  await writeFile(file, JSON.stringify({ key, cert }));
  const [program = '', ...words] = host.within;
  const fixture = path.resolve('test/fixtures/impostor.ts');
  const child = spawn(program, [...words, process.execPath, fixture, hint, file, host.address], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const messages: object[] = [];
  child.on('message', (message) => messages.push(Object(message)));
  await waitFor('the impostor to announce itself', () =>
    messages.some((message) => 'ready' in message),
  );
  return {
    /** How many have looked at it. */
    visitors: () => messages.filter((message) => 'connected' in message).length,
    /** What was said to it. */
    heard: () => messages.flatMap((message) => ('heard' in message ? [message.heard] : [])),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      await folder[Symbol.asyncDispose]();
    },
  };
}
