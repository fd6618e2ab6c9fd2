import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { argumentKinds, flagKinds } from '../../../scripts/completion/live-values.mjs';
import { runCli, runProgramOnTerminal, runShell } from '../../support/cli.js';
import { containerAnswers } from '../../support/container-answers.js';
import { missing } from '../../support/requirements.js';
import { nodeNamed, scriptedDaemon, scriptedServer } from '../../support/scripted-daemon.js';
import { stick } from '../../support/scripted-write.js';

const OPERATION = '018f6e2a-0000-7000-8000-0000000000aa';

/** A daemon with two nodes, a stick and an operation to complete. */
const worth = () =>
  scriptedDaemon({
    'nodes.list': () => ({ nodes: [nodeNamed('attic'), nodeNamed('cellar')] }),
    'containers.list': containerAnswers['containers.list'],
    'secrets.list': containerAnswers['secrets.list'],
    'drives.list': () => ({ drives: [stick] }),
    'roles.list': () => ({
      roles: ['admin', 'viewer'].map((name) => ({
        name,
        summary: '',
        permissions: [],
        builtIn: true,
      })),
    }),
    'operations.list': () => ({
      operations: [
        {
          id: OPERATION,
          kind: 'nodes.create',
          status: 'running',
          subject: 'admin',
          createdAt: '2026-01-02T03:04:05.000Z',
        },
      ],
    }),
  });

const script = (shell: string) => path.resolve('dist/completion', shell);

async function inBash(...words: string[]): Promise<string[]> {
  await using daemon = await worth();
  const line = ['syntropy', ...words].map((word) => `'${word}'`).join(' ');
  const { stdout } = await runShell(
    `source ${script('bash')}; COMP_WORDS=(${line}); COMP_CWORD=${words.length}
     _syntropy_live; printf '%s\\n' "\${COMPREPLY[@]}"`,
    daemon,
  );
  return [...new Set(stdout.split('\n').filter(Boolean))];
}

async function inFish(line: string): Promise<(string | undefined)[]> {
  await using daemon = await worth();
  const fish = `source ${script('fish')}; complete -C'syntropy ${line}'`;
  const { stdout } = await runShell(`fish --no-config -c "${fish}"`, daemon);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((entry) => entry.split('\t')[0]);
}

describe('the values for completion', () => {
  it.each([
    ['nodes', 'attic\ncellar\n'],
    ['containers', 'web\n'],
    ['secrets', 'db\n'],
    ['drives', '/dev/sdz\n'],
    ['operations', `${OPERATION}\n`],
    ['roles', 'admin\nviewer\n'],
    ['contexts', 'local\n'],
  ])('are the %s that the daemon knows', async (kind, values) => {
    await using daemon = await worth();
    const { stdout, stderr, status } = await runCli(['__complete', kind], daemon);
    expect([stdout, stderr, status]).toEqual([values, '', 0]);
  });

  it('come from the daemon of --state-dir', async () => {
    await using daemon = await worth();
    const argv = ['__complete', 'nodes', '--state-dir', daemon.stateDir];
    expect((await runCli(argv)).stdout).toBe('attic\ncellar\n');
  });

  it('come from the daemon of the context, with who is signed in there', async () => {
    await using server = await scriptedServer({
      'keys.list': () => ({ keys: [] }),
      'nodes.list': () => ({ nodes: [nodeNamed('far')] }),
    });
    const env = { SYNTROPY_TOKEN: 'synpat_x' };
    await runCli(['context', 'add', 'prod', '--url', server.url], server);
    const ask = (...argv: string[]) => runCli(['__complete', ...argv], { ...server, env });
    expect((await ask('nodes')).stdout).toBe('');
    expect((await ask('nodes', '--context', 'prod')).stdout).toBe('far\n');
    expect(server.calls.at(-1)?.headers.authorization).toBe('Bearer synpat_x');
    expect((await ask('contexts')).stdout).toBe('local\nprod\n');
    await server.close();
    expect(await ask('nodes', '--context', 'prod')).toMatchObject({
      stdout: '',
      stderr: '',
      status: 0,
    });
  });

  it.each([
    ['no daemon runs', ['__complete', 'nodes']],
    ['the kind is unknown', ['__complete', 'colours']],
    ['nothing is asked for', ['__complete']],
    ['there is no such context', ['__complete', 'nodes', '--context', 'nowhere']],
  ])('are none, without a word, where %s', async (_, argv) => {
    const { stdout, stderr, status } = await runCli(argv);
    expect([stdout, stderr, status]).toEqual(['', '', 0]);
  });

  it('are waited for half a second at most', async () => {
    await using daemon = await scriptedDaemon({ 'nodes.list': () => new Promise(() => undefined) });
    const began = performance.now();
    expect((await runCli(['__complete', 'nodes'], daemon)).stdout).toBe('');
    const took = performance.now() - began;
    expect(took).toBeGreaterThan(400);
    expect(took).toBeLessThan(5000);
  });

  it('leave out what a shell would take for more than a word', async () => {
    await using daemon = await scriptedDaemon({
      'nodes.list': () => ({ nodes: [nodeNamed('$(reboot)'), nodeNamed('attic')] }),
    });
    expect((await runCli(['__complete', 'nodes'], daemon)).stdout).toBe('attic\n');
  });

  it('belong to commands and flags that there are', () => {
    const { commands } = JSON.parse(readFileSync('dist/oclif.manifest.json', 'utf8'));
    const unknown = [...argumentKinds, ...flagKinds].filter(({ command, flag }) => {
      const known = commands[command.replaceAll(' ', ':')];
      return flag === undefined
        ? Object.keys(known?.args ?? {}).length !== 1
        : !Object.hasOwn(known?.flags ?? {}, flag.slice(2));
    });
    expect(unknown).toEqual([]);
  });
});

describe('bash', () => {
  it('completes commands, and their flags', async () => {
    expect(await inBash('no')).toEqual(['node']);
    expect(await inBash('node', 'd')).toEqual(['delete', 'drain']);
    expect(await inBash('node', 'create', '--acc')).toEqual(['--accept-risk']);
  });

  it('completes names, drives and ids', async () => {
    expect(await inBash('node', 'status', '')).toEqual(['attic', 'cellar']);
    expect(await inBash('node', 'delete', 'c')).toEqual(['cellar']);
    expect(await inBash('node', 'create', '--name', 'x', '--usb', '')).toEqual(['/dev/sdz']);
    expect(await inBash('operation', 'cancel', '')).toEqual([OPERATION]);
    expect(await inBash('role', 'show', 'v')).toEqual(['viewer']);
    expect(await inBash('member', 'add', 'ana', '--role', '')).toEqual(['admin', 'viewer']);
  });

  it('completes contexts anywhere, and asks the one that was named', async () => {
    expect(await inBash('node', 'list', '--context', '')).toEqual(['local']);
    expect(await inBash('node', 'create', '--context', 'nowhere', '--usb', '')).toEqual([]);
  });
});

describe('syntropy autocomplete', () => {
  it.each(['bash', 'zsh', 'fish', 'powershell'])('prints the script of %s', async (shell) => {
    const { stdout, status } = await runCli(['autocomplete', shell]);
    expect(status).toBe(0);
    expect(stdout.trim()).toBe(readFileSync(script(shell), 'utf8').trim());
  });

  it('knows no other shell', async () => {
    expect((await runCli(['autocomplete', 'csh'])).status).toBe(2);
  });
});

describe.skipIf(missing('shells'))('fish', () => {
  it('completes commands, and their flags', async () => {
    expect(await inFish('no')).toEqual(['node']);
    expect(await inFish('node d')).toEqual(['delete', 'drain']);
    expect(await inFish('node create --acc')).toEqual(['--accept-risk']);
    expect(await inFish('node wait attic --for onl')).toEqual(['online']);
  });

  it('completes names, drives and ids', async () => {
    expect(await inFish('node status ')).toEqual(['attic', 'cellar']);
    expect(await inFish('node create --usb /d')).toEqual(['/dev/sdz']);
    expect(await inFish('operation cancel ')).toEqual([OPERATION]);
    expect(await inFish('role show v')).toEqual(['viewer']);
    expect(await inFish('node list --context ')).toEqual(['local']);
  });
});

describe.skipIf(missing('shells'))('zsh', () => {
  it('completes commands and names at the tab key', async () => {
    await using daemon = await worth();
    await writeFile(
      path.join(daemon.stateDir, '.zshrc'),
      `autoload -Uz compinit; compinit -u -D; source ${script('zsh')}; PS1='ready> '\n`,
    );
    const { stdout } = await runProgramOnTerminal(['zsh', '-d', '-i'], {
      stateDir: daemon.stateDir,
      env: { ZDOTDIR: daemon.stateDir, TERM: 'dumb' },
      typed: [
        { after: /ready> /, text: 'syntropy node dele\t' },
        { after: /delete /, text: 'cel\t' },
        { after: /cellar/, text: '\u0003' },
        { after: /ready> /, text: 'exit\n' },
      ],
    });
    expect(stdout).toContain('cellar');
  });

  it('reads its script', async () => {
    const { stderr, status } = await runShell(
      `zsh -f -c 'autoload -Uz compinit; compinit -u -D; source ${script('zsh')}; print $_comps[syntropy]' | grep -x _syntropy_live`,
    );
    expect([stderr, status]).toEqual(['', 0]);
  });
});
