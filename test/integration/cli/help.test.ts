import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { runCli } from '../../support/cli.js';
import { golden } from '../../support/golden.js';

interface Manifest {
  readonly commands: Readonly<
    Record<
      string,
      {
        readonly summary?: string;
        readonly description?: string;
        readonly examples?: readonly string[];
        readonly flags: Readonly<Record<string, unknown>>;
      }
    >
  >;
}

const manifest: Manifest = JSON.parse(readFileSync('dist/oclif.manifest.json', 'utf8'));
const ids = Object.keys(manifest.commands).toSorted();
const topics = ['agent', 'container', 'container:secret', 'node', 'node:token'];
/** They print what is no document: a shell's script, help, or the log of a daemon in the foreground. */
const WITHOUT_JSON = ['agent:run', 'daemon:run', 'help'];

describe('the help of', () => {
  it.each(ids)('%s is as it was', async (id) => {
    const { stdout, stderr, status } = await runCli([...id.split(':'), '--help']);
    expect([stderr, status]).toEqual(['', 0]);
    expect(stdout).toBe(golden(`help/${id.replaceAll(':', '-')}.txt`, stdout));
  });

  it.each(topics)('the topic %s is as it was', async (topic) => {
    const { stdout } = await runCli([...topic.split(':'), '--help']);
    expect(stdout).toBe(golden(`help/topic-${topic.replaceAll(':', '-')}.txt`, stdout));
  });

  it('the program itself is as it was, but for the version', async () => {
    const { stdout } = await runCli(['--help']);
    const shown = stdout.replace(/^ {2}syntropy\/.*$/m, '  syntropy/VERSION');
    expect(shown).toBe(golden('help/syntropy.txt', shown));
  });
});

describe('every command', () => {
  it.each(ids)('%s says what it does, shows it, and can answer in JSON', (id) => {
    const command = manifest.commands[id];
    expect(command?.summary).toMatch(/^[A-Z].*\.$/);
    expect(command?.examples?.length).toBeGreaterThan(0);
    expect('state-dir' in (command?.flags ?? {})).toBe(true);
    expect('json' in (command?.flags ?? {})).toBe(!WITHOUT_JSON.includes(id));
  });

  it.each(ids)('%s shows examples with flags that it has', (id) => {
    const command = manifest.commands[id];
    const known = new Set([...Object.keys(command?.flags ?? {}), 'help', 'state-dir']);
    const used = (command?.examples ?? []).flatMap((example) =>
      [...example.matchAll(/ --(?:no-)?([a-z][a-z0-9-]*)/g)].map(([, name]) => name ?? ''),
    );
    expect(used.filter((name) => !known.has(name))).toEqual([]);
  });

  it('that changes something can be repeated safely', () => {
    const changing = [
      'node:create',
      'node:update',
      'node:delete',
      'operation:cancel',
      'daemon:backup',
      'daemon:rotate-keys',
      'member:add',
      'member:update',
      'member:remove',
      'token:create',
      'token:revoke',
      'role:set',
      'role:remove',
      'container:deploy',
      'container:apply',
      'container:update',
      'container:scale',
      'container:start',
      'container:stop',
      'container:restart',
      'container:remove',
      'container:rollback',
      'container:secret:set',
      'container:secret:remove',
    ];
    const without = changing.filter(
      (id) => !('idempotency-key' in (manifest.commands[id]?.flags ?? {})),
    );
    expect(without).toEqual([]);
  });
});
