import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { transform } from 'esbuild';
import { describe, expect, it } from 'vitest';

const ENTRY = 'bin/syntropy.cjs';
const PACKAGED = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

/** An installation whose command only tells which Node runs it, so that nothing has to be built. */
async function installation(options: { packagedNode: boolean }) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'syntropy-entry-'));
  await mkdir(path.join(dir, 'bin'));
  await mkdir(path.join(dir, 'dist', 'cli'), { recursive: true });
  await copyFile(ENTRY, path.join(dir, ENTRY));
  await writeFile(path.join(dir, 'dist/cli/main.cjs'), COMMAND);
  await writeFile(
    path.join(dir, 'dist/cli/complete.cjs'),
    'exports.run = (argv) => console.log(JSON.stringify({ complete: argv }));',
  );
  // What `node` is told to pass for: process.versions is read by nothing else on the way.
  await writeFile(
    path.join(dir, 'old-node.cjs'),
    `if (process.argv[1].endsWith('syntropy.cjs') && !process.env.HANDED_OVER) {
       process.env.HANDED_OVER = '1';
       Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } });
     }`,
  );
  if (options.packagedNode) {
    await mkdir(path.join(dir, 'node_modules'));
    await symlink(path.resolve('node_modules', PACKAGED), path.join(dir, 'node_modules', PACKAGED));
  }
  const entry = path.join(dir, ENTRY);
  const env = { PATH: process.env['PATH'] ?? '', HOME: dir };
  return {
    dir,
    run: (nodeArgs: readonly string[], ...argv: string[]) =>
      spawnSync(process.execPath, [...nodeArgs, entry, ...argv], { env, encoding: 'utf8' }),
    start: (nodeArgs: readonly string[], ...argv: string[]) =>
      spawn(process.execPath, [...nodeArgs, entry, ...argv], { env, stdio: ['pipe', 'pipe', 2] }),
    oldNode: ['--require', path.join(dir, 'old-node.cjs')],
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

const COMMAND = `exports.run = (argv) => {
  const [what] = argv;
  if (what === 'exit') process.exitCode = Number(argv[1]);
  else if (what === 'wait') {
    process.on('SIGTERM', () => { console.log('told to stop'); process.exit(130); });
    process.stdin.resume();
    console.log('waiting');
  } else if (what === 'die') process.kill(process.pid, 'SIGTERM');
  else console.log(JSON.stringify({
    argv, node: process.versions.node, cache: require('node:module').getCompileCacheDir(),
  }));
};`;

async function line(child: ChildProcess): Promise<string> {
  if (!child.stdout) return '';
  const [chunk] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(15_000) });
  return String(chunk).trim();
}

describe('the entry point', () => {
  it('is read to its end by an old Node, and so can say what is missing', async () => {
    const text = await readFile(ENTRY, 'utf8');
    // What esbuild rewrites for 2019, a Node 12 would not have understood.
    const asOld = await transform(text, { target: 'es2019', format: 'cjs' });
    const asNew = await transform(text, { target: 'esnext', format: 'cjs' });
    expect(asOld.code).toBe(asNew.code);
    expect(text).not.toMatch(/require\('node:/);
  });

  it('runs the command in this process where Node is new enough', async () => {
    await using installed = await installation({ packagedNode: false });
    const { stdout, status } = installed.run([], 'node', 'list', '--json', 'a b');
    expect(JSON.parse(stdout)).toMatchObject({
      argv: ['node', 'list', '--json', 'a b'],
      node: process.versions.node,
    });
    expect(status).toBe(0);
  });

  it('caches compiled code in a directory of the user’s own, never under a shared /tmp', async () => {
    await using installed = await installation({ packagedNode: false });
    const { cache } = JSON.parse(installed.run([], 'x').stdout);
    expect(cache.startsWith(path.join(installed.dir, '.cache', 'syntropy'))).toBe(true);
  });

  it('answers the shell’s questions without loading the command', async () => {
    await using installed = await installation({ packagedNode: false });
    await rm(path.join(installed.dir, 'dist/cli/main.cjs'));
    expect(JSON.parse(installed.run([], '__complete', 'node', 'st').stdout)).toEqual({
      complete: ['node', 'st'],
    });
  });
});

describe('the entry point of a clone that was not built', () => {
  it('says how to build it, with status 8', async () => {
    await using installed = await installation({ packagedNode: false });
    await rm(path.join(installed.dir, 'dist'), { recursive: true });
    const { stderr, status } = installed.run([], 'node', 'list');
    expect(stderr).toBe('Error: Syntropy is not built.\nBuild it with `npm run build`.\n');
    expect(status).toBe(8);
  });
});

describe('the entry point on a Node that is too old', () => {
  it('hands over to the Node that is installed beside it', async () => {
    await using installed = await installation({ packagedNode: true });
    const { stdout, status } = installed.run(installed.oldNode, 'node', 'list', 'a b');
    expect(JSON.parse(stdout)).toMatchObject({
      argv: ['node', 'list', 'a b'],
      node: expect.stringMatching(/^24\./),
    });
    expect(status).toBe(0);
  });

  it('passes on the exit status', async () => {
    await using installed = await installation({ packagedNode: true });
    expect(installed.run(installed.oldNode, 'exit', '7').status).toBe(7);
  });

  it('ends by the signal that ended the command', async () => {
    await using installed = await installation({ packagedNode: true });
    expect(installed.run(installed.oldNode, 'die').signal).toBe('SIGTERM');
  });

  it('passes on a request to stop, and waits for the command to end', async () => {
    await using installed = await installation({ packagedNode: true });
    const child = installed.start(installed.oldNode, 'wait');
    expect(await line(child)).toBe('waiting');
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(15_000) });
    child.kill('SIGTERM');
    expect(await line(child)).toBe('told to stop');
    expect(await ended).toEqual([130, null]);
  });

  it('says which Node it needs, in two lines and with status 8, where there is none beside it', async () => {
    await using installed = await installation({ packagedNode: false });
    const { stderr, stdout, status } = installed.run(installed.oldNode, 'node', 'list');
    expect(stderr).toMatch(
      /^Error: Syntropy needs Node 24\.11 or newer, and this is Node 20\.1\.0\.\n.+\n$/,
    );
    expect([stdout, status]).toEqual(['', 8]);
  });
});
