import { describe, expect, it } from 'vitest';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { type ErrorCode, errorCodes } from '../../../src/core/types/errors/codes.js';
import { documentOf, ended, runCli, runOnTerminal, runShell, startCli } from '../../support/cli.js';
import { nodeNamed, scriptedDaemon } from '../../support/scripted-daemon.js';
import { scriptedWrite } from '../../support/scripted-write.js';
import { waitFor } from '../../support/wait-for.js';

const ESCAPE = '\u001B';
const withNodes = (...names: string[]) =>
  scriptedDaemon({ 'nodes.list': () => ({ nodes: names.map((name) => nodeNamed(name)) }) });

describe('--json', () => {
  it('puts one document on stdout, of a known version, and nothing else anywhere', async () => {
    await using daemon = await withNodes('node-01');
    const result = await runCli(['node', 'list', '--json'], daemon);
    expect(documentOf(result)).toEqual({ schemaVersion: 1, nodes: [nodeNamed('node-01')] });
    expect([result.stderr, result.status]).toEqual(['', 0]);
  });

  it('puts a failure on stdout too, in the form every failure has', async () => {
    await using daemon = await scriptedDaemon({
      'nodes.get': () => {
        throw new AppError('NODE_NOT_FOUND', 'There is no node "x".', { node: 'x' });
      },
    });
    const result = await runCli(['node', 'status', 'x', '--json'], daemon);
    expect(documentOf(result)).toEqual({
      schemaVersion: 1,
      error: {
        code: 'NODE_NOT_FOUND',
        message: 'There is no node "x".',
        hint: errorCodes.NODE_NOT_FOUND.hint,
        details: { node: 'x' },
      },
    });
    expect([result.stderr, result.status]).toEqual(['', 4]);
  });

  it('holds for what the command line itself refuses', async () => {
    for (const argv of [
      ['node', 'list', '--nonsense', '--json'],
      ['node', 'status', '--json'],
      ['node', 'list', '--status', 'loud', '--json'],
    ]) {
      const result = await runCli(argv);
      expect(documentOf(result)).toMatchObject({
        schemaVersion: 1,
        error: { code: 'USAGE_INVALID' },
      });
      expect([result.stderr, result.status]).toEqual(['', 2]);
    }
  });
});

describe('the exit status', () => {
  const codes: ErrorCode[] = [
    'IMAGE_CORRUPT',
    'NAME_INVALID',
    'PERMISSION_DENIED',
    'NODE_NOT_FOUND',
    'NODE_NAME_TAKEN',
    'DATABASE_UNAVAILABLE',
    'TIMED_OUT',
    'CAPABILITY_MISSING',
    'INTERNAL',
  ];
  it.each(codes)(
    'is the one of the table for %s, with message and hint on stderr',
    async (code) => {
      await using daemon = await scriptedDaemon({
        'nodes.list': () => {
          throw new AppError(code, 'It went wrong.');
        },
      });
      const result = await runCli(['node', 'list'], daemon);
      expect(result.status).toBe(errorCodes[code].exitCode);
      expect(result.stdout).toBe('');
      expect(result.stderr).toContain('Error: ');
      expect(result.stderr).toContain(errorCodes[code].hint);
      expect(result.stderr).not.toMatch(/^\s+at /m);
    },
  );

  it('is 6 where no daemon runs, with one line that says so and how to start it', async () => {
    const { stdout, stderr, status } = await runCli(['node', 'list']);
    expect([stdout, status]).toEqual(['', 6]);
    expect(stderr).toMatch(
      /^Error: The daemon is not running\.\s+Start it with `syntropy daemon start`\.\n$/,
    );
  });

  it('is 2 for a command that does not exist, and the nearest one is named', async () => {
    const { stdout, stderr, status } = await runCli(['node', 'lst']);
    expect([stdout, status]).toEqual(['', 2]);
    expect(stderr).toContain('node list');
  });

  it('is 2 for an argument that a command does not take', async () => {
    const { stderr, status } = await runCli(['node', 'list', 'extra']);
    expect(status).toBe(2);
    expect(stderr).toContain('"syntropy node list" takes no "extra".');
  });

  it('is 2 for a flag that does not exist', async () => {
    const { stderr, status } = await runCli(['node', 'list', '--stauts', 'online']);
    expect(status).toBe(2);
    expect(stderr).toContain('--stauts');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('is 70 for an answer that cannot be understood, without a stack trace', async () => {
    await using daemon = await scriptedDaemon({
      'nodes.list': (_, response) => void response.end('<html>'),
    });
    const { stderr, status } = await runCli(['node', 'list'], daemon);
    expect(status).toBe(70);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('is explained by `help exit-codes`', async () => {
    const { stdout, status } = await runCli(['help', 'exit-codes']);
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 130]) {
      expect(stdout).toMatch(new RegExp(`^\\s*${code}\\s+\\S`, 'm'));
    }
    expect(status).toBe(0);
  });
});

/** What is left of a wait that somebody ends. */
async function interrupted(...flags: string[]) {
  await using daemon = await scriptedDaemon({
    'events.list': () => ({ events: [], cursor: '0' }),
    'nodes.get': () => nodeNamed('node-01'),
    'events.follow': () => undefined,
  });
  const command = startCli(['node', 'wait', 'node-01', '--for', 'online', ...flags], daemon);
  const end = ended(command);
  await waitFor('it to wait', () =>
    daemon.calls.some(({ operation }) => operation === 'events.follow'),
  );
  command.kill('SIGINT');
  return end;
}

describe('Ctrl-C', () => {
  it('during a wait is a failure like others under --json', async () => {
    const result = await interrupted('--json');
    expect(documentOf(result)).toMatchObject({
      schemaVersion: 1,
      error: { code: 'OPERATION_CANCELLED' },
    });
    expect([result.stderr, result.status]).toEqual(['', 130]);
  });

  it('ends what is shown until then, and adds nothing to it', async () => {
    await using daemon = await scriptedDaemon({
      'events.list': () => ({ events: [], cursor: '0' }),
      'nodes.list': () => ({ nodes: [nodeNamed('node-01')] }),
      'events.follow': () => undefined,
    });
    for (const flags of [['--json'], []]) {
      const command = startCli(['node', 'list', '--watch', ...flags], daemon);
      const end = ended(command);
      let shown = '';
      command.stdout?.once('data', (text: string) => {
        shown = text;
        command.kill('SIGINT');
      });
      expect(await end).toMatchObject({ stdout: shown, stderr: '', status: 130 });
    }
  });

  it('ends a wait that shows its progress on a terminal', async () => {
    await using daemon = await scriptedDaemon(scriptedWrite().answers);
    const { stdout, status } = await runOnTerminal(
      ['operation', 'wait', '018f6e2a-0000-7000-8000-0000000000aa'],
      { ...daemon, typed: [{ after: /40\s?%|400/, text: '\u0003' }], timeoutMs: 10_000 },
    );
    expect(status).toBe(130);
    expect(stdout).toContain('Interrupted.');
  });

  it('during a wait is told in a word otherwise', async () => {
    const { stdout, stderr, status } = await interrupted();
    expect([stdout, status]).toEqual(['', 130]);
    expect(stderr).toBe('Interrupted.\n');
  });
});

describe('a wait of a month', () => {
  it('is not over at once', async () => {
    let reads = 0;
    await using daemon = await scriptedDaemon({
      'events.list': () => ({ events: [], cursor: '0' }),
      'nodes.get': () => nodeNamed('node-01', { status: reads++ < 4 ? 'online' : 'offline' }),
      // Each ends at once, so that the node is read again.
      'events.follow': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end();
        return undefined;
      },
    });
    const { stdout, stderr } = await runCli(
      ['node', 'wait', 'node-01', '--for', 'offline', '--timeout', '30d'],
      daemon,
    );
    expect([stdout, stderr]).toEqual(['Node node-01 is offline.\n', '']);
  });
});

describe('a request that may take a month', () => {
  it('is not given up at once', async () => {
    await using daemon = await scriptedDaemon({
      'daemon.backup': () => ({ path: '/a', sizeBytes: 1, schemaVersion: 1, rows: 1 }),
    });
    const { stderr, status } = await runCli(['daemon', 'backup', '/a', '--timeout', '30d'], daemon);
    expect([stderr, status]).toEqual(['', 0]);
  });
});

describe('what the command line lacks', () => {
  it.each([
    [
      ['node', 'wait', 'node-01'],
      '--for is missing: Status to wait for. May be repeated: any of them will do.',
    ],
    [
      ['agent', 'join'],
      '<token> is missing: The token, or - to read it from standard input, where nobody else sees it.',
    ],
    [['member', 'add'], '<name> is missing'],
    [
      ['node', 'token', 'create', '--reusable', 'many'],
      '--reusable: Expected an integer but received: many.',
    ],
    [
      ['node', 'token', 'create', '--discover', '--daemon-url', 'https://x'],
      '--daemon-url=https://x cannot also be provided when using --discover.',
    ],
  ])('is said in sentences: %j', async (argv, sentence) => {
    const { stderr, stdout, status } = await runCli(argv);
    expect([stdout, status]).toEqual(['', 2]);
    expect(stderr).toContain(`Error: ${sentence}`);
    expect(stderr).not.toContain(';');
  });
});

describe('in a script', () => {
  it('leaves stdin to the loop it runs in, also where an argument is missing', async () => {
    await using daemon = await withNodes('node-01');
    const loop = (command: string) =>
      runShell(
        `seq 3 | while read -r l; do ${command} >/dev/null 2>&1; echo "$l $?"; done`,
        daemon,
      );
    expect((await loop('syntropy node list')).stdout).toBe('1 0\n2 0\n3 0\n');
    expect((await loop('syntropy node status')).stdout).toBe('1 2\n2 2\n3 2\n');
  });

  it('ends without a word when its reader has seen enough', async () => {
    const many = Array.from({ length: 5000 }, (_, index) => `node-${index}`);
    await using daemon = await withNodes(...many);
    const { stdout, stderr } = await runShell(
      'syntropy node list | head -1 >/dev/null; echo "${PIPESTATUS[0]}"',
      daemon,
    );
    expect([stdout, stderr]).toEqual(['0\n', '']);
  });

  it('prints no colours into a pipe', async () => {
    await using daemon = await withNodes('node-01');
    const list = await runCli(['node', 'list'], daemon);
    const help = await runCli(['node', 'list', '--help'], daemon);
    const failure = await runCli(['node', 'status', 'x'], daemon);
    expect(list.stdout + help.stdout + failure.stderr).not.toContain(ESCAPE);
  });

  it('fails instead of asking, and names the flag that answers', async () => {
    await using daemon = await scriptedDaemon({ 'nodes.get': () => nodeNamed('node-01') });
    const result = await runCli(['node', 'delete', 'node-01'], { ...daemon, stdin: 'y\n' });
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('--yes');
    expect(daemon.calls.map((call) => call.operation)).not.toContain('nodes.delete');
  });
});

describe('on a terminal', () => {
  it('obeys NO_COLOR', async () => {
    const { stdout } = await runOnTerminal(['--help'], { env: { NO_COLOR: '1' } });
    expect(stdout).toContain('USAGE');
    // eslint-disable-next-line no-control-regex -- colours are control sequences
    expect(stdout).not.toMatch(/\u001B\[[0-9;]*m/);
  });

  it('never passes on the control characters of a text that came from elsewhere', async () => {
    await using daemon = await scriptedDaemon({
      'nodes.get': () =>
        nodeNamed('node-01', { description: `a${ESCAPE}]0;owned\u0007${ESCAPE}[2Jb` }),
      'nodes.health': () => ({ nodes: [] }),
    });
    const { stdout } = await runOnTerminal(['node', 'status', 'node-01'], {
      ...daemon,
      env: { NO_COLOR: '1' },
    });
    expect(stdout).toContain('node-01');
    expect(stdout).not.toContain(`${ESCAPE}]0;`);
    expect(stdout).not.toContain(`${ESCAPE}[2J`);
  });

  it('asks before it deletes, and takes anything but yes for no', async () => {
    await using daemon = await scriptedDaemon({
      'nodes.get': () => nodeNamed('node-01'),
      'nodes.delete': () => ({ node: nodeNamed('node-01'), outcome: 'removed' }),
    });
    const asked = (text: string) =>
      runOnTerminal(['node', 'delete', 'node-01'], { ...daemon, typed: [{ after: /\?/, text }] });
    expect((await asked('\r')).status).not.toBe(0);
    expect(daemon.calls.map((call) => call.operation)).not.toContain('nodes.delete');
    expect((await asked('y\r')).status).toBe(0);
    expect(daemon.calls.map((call) => call.operation)).toContain('nodes.delete');
  });
});
