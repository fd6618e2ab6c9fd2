import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { errorCodes } from '../../../src/core/types/errors/codes.js';

const ROOT = process.cwd();

async function files(folder: string, ...endings: string[]): Promise<readonly string[]> {
  const entries = await readdir(path.join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)));
}

async function texts(names: readonly string[]): Promise<readonly { name: string; text: string }[]> {
  return Promise.all(
    names.map(async (name) => ({ name, text: await readFile(path.join(ROOT, name), 'utf8') })),
  );
}

/** The size below which this share of the files lies. */
function quantile(sizes: readonly number[], share: number): number {
  return sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length * share)] ?? 0;
}

const lines = ({ text }: { text: string }) => text.split('\n').length - 1;

// Goal: the house style is a test, so that it stays true.
describe('the house', () => {
  it('keeps source files short', async () => {
    const sources = await texts(await files('src', '.ts'));
    const sizes = sources.map(lines);

    expect(sources.filter((source) => lines(source) > 400).map(({ name }) => name)).toEqual([]);
    expect(quantile(sizes, 0.5)).toBeLessThanOrEqual(90);
    expect(quantile(sizes, 0.9)).toBeLessThanOrEqual(250);
  });

  it('keeps commands to parse, call, print', async () => {
    const commands = await texts(await files('src/commands', '.ts'));

    expect(quantile(commands.map(lines), 0.5)).toBeLessThanOrEqual(45);
    expect(commands.filter((command) => lines(command) > 120).map(({ name }) => name)).toEqual([]);
  });

  it('gives a reason with every lint rule that is switched off', async () => {
    const sources = await texts([...(await files('src', '.ts')), ...(await files('test', '.ts'))]);
    const silent = sources.flatMap(({ name, text }) =>
      text
        .split('\n')
        .filter((line) => /(ox|es)lint-disable/.test(line) && !/ -- \S/.test(line))
        .map((line) => `${name}: ${line.trim()}`),
    );

    expect(silent.filter((line) => !line.startsWith('test/unit/house/'))).toEqual([]);
  });

  it('throws typed errors only', async () => {
    const sources = await texts(await files('src', '.ts'));
    const bare = sources.filter(({ text }) => /throw new Error\(/.test(text));

    expect(bare.map(({ name }) => name)).toEqual([]);
  });

  it('waits for events in tests, and not for time', async () => {
    const tests = await texts(await files('test', '.test.ts'));
    const sleeping = tests.filter(({ text }) => /\bsetTimeout\(|timers\/promises/.test(text));

    expect(sleeping.map(({ name }) => name).filter((name) => !name.includes('/house/'))).toEqual(
      [],
    );
  });

  it('uses every code of the error table', async () => {
    const sources = await texts(await files('src', '.ts'));
    const all = sources
      .filter(({ name }) => !name.endsWith('errors/codes.ts'))
      .map(({ text }) => text)
      .join('\n');

    expect(Object.keys(errorCodes).filter((code) => !all.includes(`'${code}'`))).toEqual([]);
  });

  it('numbers its migrations without a gap', async () => {
    const names = (await files('src/core/storage/postgres/migrations', '.sql')).map((name) =>
      path.basename(name),
    );

    expect(names.toSorted().map((name) => Number(name.slice(0, 4)))).toEqual(
      names.map((_, index) => index + 1),
    );
  });

  it('has no broken link in its documents', async () => {
    const documents = await texts([
      ...(await files('docs', '.md')),
      'README.md',
      'CONTRIBUTING.md',
      'CHANGELOG.md',
    ]);
    const { existsSync } = await import('node:fs');
    const broken = documents.flatMap(({ name, text }) =>
      [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(path.join(ROOT, path.dirname(name), target)))
        .map((target) => `${name}: ${target}`),
    );

    expect(broken).toEqual([]);
  });

  it('has a page of the architecture for every room', async () => {
    const page = await readFile(path.join(ROOT, 'docs/ARCHITECTURE.md'), 'utf8');
    const rooms = (await readdir(path.join(ROOT, 'src'))).map((room) => `src/${room}`);
    const core = (await readdir(path.join(ROOT, 'src/core'))).map((room) => `src/core/${room}`);

    const missing = [...rooms.filter((room) => room !== 'src/core'), ...core].filter(
      (room) => !page.includes(room),
    );

    expect(missing).toEqual([]);
  });
});
