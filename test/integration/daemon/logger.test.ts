import { readdir, readFile, stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { createLogger } from '../../../src/daemon/observability/logger.js';
import { scratchFolder } from '../../support/scratch.js';
import { waitFor } from '../../support/wait-for.js';

const MIB = 1 << 20;

function logger(directory: string, level = 'info') {
  return createLogger({
    directory,
    fileName: 'daemon.log',
    level,
    maxSizeMiB: 1,
    maxFiles: 2,
    foreground: false,
  });
}

// Goal: the log can be read by people and programs, fills no disk, and tells no secret.
describe('the log of the daemon', () => {
  it('is one JSON object a line, for its user alone', async () => {
    await using scratch = await scratchFolder();
    const { log, close } = logger(scratch.path);

    log.info({ node: 'node-01' }, 'ready');
    log.debug('too much');
    await close();

    const lines = (await readFile(scratch.file('daemon.log'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 30, node: 'node-01', msg: 'ready', time: expect.stringMatching(/Z$/) },
    ]);
    expect((await stat(scratch.file('daemon.log'))).mode & 0o077).toBe(0);
  });

  it('cuts secrets out by their key, also inside of other objects', async () => {
    await using scratch = await scratchFolder();
    const { log, close } = logger(scratch.path);

    log.info(
      {
        token: 'canary-1',
        request: { authorization: 'canary-2' },
        a: { b: { password: 'canary-3' } },
      },
      'x',
    );
    await close();

    const text = await readFile(scratch.file('daemon.log'), 'utf8');
    expect(text).not.toContain('canary');
    expect(text.match(/\[redacted\]/g)).toHaveLength(3);
  });

  it('is rotated at its size, and the oldest file goes', async () => {
    await using scratch = await scratchFolder();
    const { log, close } = logger(scratch.path);

    for (let written = 0; written < 5; written += 1) {
      for (let line = 0; line < 11; line += 1) log.info({ filler: 'x'.repeat(MIB / 10) }, 'line');
      await waitFor('a new file to be begun', async () => {
        const current = await stat(scratch.file('daemon.log')).catch(() => undefined);
        return current !== undefined && current.size < MIB;
      });
    }
    await close();

    expect((await readdir(scratch.path)).toSorted()).toEqual([
      'daemon.log',
      'daemon.log.1',
      'daemon.log.2',
    ]);
  });
});
