import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { followLines, lastLines } from '../../../src/cli/log-file.js';
import { atLeast, parseLogLine, showLogLine } from '../../../src/cli/log-lines.js';

async function logFile(text: string) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'syntropy-log-'));
  const file = path.join(dir, 'daemon.log');
  await writeFile(file, text);
  return { file, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

describe('the last lines of a log', () => {
  it('are the last ones, oldest first', async () => {
    await using log = await logFile('a\nb\nc\n');
    expect(await lastLines(log.file, 2)).toEqual(['b', 'c']);
    expect(await lastLines(log.file, 10)).toEqual(['a', 'b', 'c']);
    expect(await lastLines(log.file, 0)).toEqual([]);
  });

  it('are found in a file that is larger than what is read at once', async () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `line ${index} ü`);
    await using log = await logFile(`${lines.join('\n')}\n`);
    expect(await lastLines(log.file, 15_000)).toEqual(lines.slice(-15_000));
  });

  it('are none where no daemon has written yet', async () => {
    await expect(lastLines('/nowhere/daemon.log', 1)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
  });
});

describe('a log that is followed', () => {
  it('goes on in the new file after it was rotated', async () => {
    await using log = await logFile('before\n');
    const stop = new AbortController();
    const lines = followLines(log.file, stop.signal);
    const first = lines.next();
    // The generator has taken its position when it waits for the first time.
    await new Promise((resolve) => setImmediate(resolve));
    await appendFile(log.file, 'one\n');
    expect((await first).value).toBe('one');
    await rename(log.file, `${log.file}.1`);
    await writeFile(log.file, 'two\nthr');
    expect((await lines.next()).value).toBe('two');
    await appendFile(log.file, 'ee\n');
    expect((await lines.next()).value).toBe('three');
    stop.abort();
    expect((await lines.next()).done).toBe(true);
  });
});

describe('a line of the log', () => {
  const line = parseLogLine(
    JSON.stringify({ level: 40, time: 'T', pid: 1, route: '/v1/nodes', ms: 3, msg: 'slow' }),
  );

  it('is shown as time, level, message and the rest', () => {
    expect(showLogLine(line)).toBe('T WARN  slow route=/v1/nodes ms=3');
  });

  it('is kept or left out by its level', () => {
    expect([atLeast(line, 'info'), atLeast(line, 'warn'), atLeast(line, 'error')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('is shown as it is where it is no JSON, but for control characters', () => {
    expect(showLogLine(parseLogLine('panic\u001B[2J'))).toBe('INFO  panic[2J');
  });
});
