import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { changeContexts } from '../../../src/client/node/context-store.js';
import { chosenContext, type Context, readContexts } from '../../../src/client/node/contexts.js';

const grid: Context = { url: 'https://grid.example.org', trust: { kind: 'system' } };

async function directoryWith(text?: string) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-contexts-'));
  const file = path.join(directory, 'contexts.json');
  if (text !== undefined) await writeFile(file, text);
  return {
    directory,
    file,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

describe('the context of a command', () => {
  it('is the flag, then the environment, then the current one, then the local daemon', async () => {
    await using client = await directoryWith();
    await changeContexts(client.directory, () => ({
      current: 'one',
      contexts: { one: grid, two: grid, three: grid },
    }));
    const chosen = (flag: string | undefined, env: Record<string, string> = {}) =>
      chosenContext(client.directory, flag, env)?.name;
    expect(chosen('three', { SYNTROPY_CONTEXT: 'two' })).toBe('three');
    expect(chosen(undefined, { SYNTROPY_CONTEXT: 'two' })).toBe('two');
    expect(chosen(undefined, { SYNTROPY_CONTEXT: '' })).toBe('one');
    expect(chosen('local')).toBeUndefined();
    expect(chosen(undefined, { SYNTROPY_CONTEXT: 'local' })).toBeUndefined();
  });

  it('is the local daemon where there is no file', async () => {
    await using client = await directoryWith();
    expect(chosenContext(client.directory, undefined, {})).toBeUndefined();
  });

  it('is never another than the one that was named', async () => {
    await using client = await directoryWith();
    for (const name of ['gone', '__proto__', 'constructor']) {
      expect(() => chosenContext(client.directory, name, {})).toThrow(`no context "${name}"`);
    }
    await changeContexts(client.directory, () => ({ current: 'gone', contexts: {} }));
    expect(() => chosenContext(client.directory, undefined, {})).toThrow('no context "gone"');
  });

  it.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['without contexts', '{"current":"prod"}'],
    ['with a context that has no address', '{"contexts":{"prod":{"trust":{"kind":"system"}}}}'],
    [
      'with a pin that is not understood',
      '{"contexts":{"prod":{"url":"x","trust":{"kind":"new"}}}}',
    ],
    ['with a pin of nothing', '{"contexts":{"prod":{"url":"x","trust":{"kind":"leaf"}}}}'],
    ['with no pin', '{"contexts":{"prod":{"url":"x"}}}'],
  ])('is not guessed from a file that is %s', async (_, text) => {
    await using client = await directoryWith(text);
    expect(() => chosenContext(client.directory, undefined, {})).toThrow(
      'contexts.json is damaged',
    );
    // Even then, this machine's own daemon can be asked for.
    expect(chosenContext(client.directory, 'local', {})).toBeUndefined();
  });
});

describe('the contexts', () => {
  it('are a file that only this user reads', async () => {
    await using client = await directoryWith();
    await changeContexts(client.directory, () => ({ contexts: { grid } }));
    expect((await stat(client.file)).mode & 0o777).toBe(0o600);
  });

  it('stay as they are where a change is refused', async () => {
    await using client = await directoryWith();
    await changeContexts(client.directory, () => ({ contexts: { grid } }));
    const refused = changeContexts(client.directory, () => {
      throw new TypeError('no');
    });
    await expect(refused).rejects.toThrow('no');
    expect(readContexts(client.directory).contexts).toEqual({ grid });
  });
});
