import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { runCli, runOnTerminal, runProgramOnTerminal, runShell } from '../../support/cli.js';
import { CONTAINER_ID, openStream, streamOf } from '../../support/scripted-container.js';
import { type Answers, type ReceivedCall, scriptedDaemon } from '../../support/scripted-daemon.js';

const isIdle = () => {
  throw new AppError('CONTAINER_NOT_RUNNING', 'It does not run at this time.');
};
const words = (line: string) => line.split(' ');
const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');

interface Written {
  readonly seq: number;
  readonly base64?: string;
  readonly end?: boolean;
  readonly size?: { readonly columns: number; readonly rows: number };
}

const writtenOf = (calls: readonly ReceivedCall[]): readonly Written[] =>
  calls
    .filter(({ operation }) => operation === 'containers.execInput')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the contract has it be; the test compares it
    .map(({ body }) => body as Written);

const bytesOf = (written: readonly Written[]) =>
  Buffer.concat(written.map(({ base64: text = '' }) => Buffer.from(text, 'base64')));

/** A command in a container that says back what is written to it, and ends with a status at the end of its input, or on Ctrl-D. */
function echoing(exitCode: number): Answers {
  let send: ReturnType<typeof openStream> | undefined;
  let isTerminal = false;
  return {
    'containers.exec': ({ body }, response) => {
      isTerminal = typeof body === 'object' && body !== null && 'tty' in body;
      send = openStream(response);
      send({ session: CONTAINER_ID });
      send({ stream: 'stdout', base64: base64('ready\r\n') });
      return undefined;
    },
    'containers.execInput': ({ body }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
      const { base64: text, end } = body as Written;
      if (text !== undefined) send?.({ stream: 'stdout', base64: text });
      const isEof = text !== undefined && Buffer.from(text, 'base64').includes(4);
      if (end || (isTerminal && isEof)) send?.({ exitCode });
      return {};
    },
  };
}

// Goal: a command in a container is as one here: its input, its outputs and its status, to the byte.
describe('container exec', () => {
  it('passes on the two outputs and the status', async () => {
    await using daemon = await scriptedDaemon({
      'containers.exec': (_, response) =>
        streamOf(response, [
          { session: CONTAINER_ID },
          { stream: 'stdout', base64: base64('\u00FF\0out') },
          { stream: 'stderr', base64: base64('err') },
          { exitCode: 42 },
        ]),
    });

    const { stdout, status } = await runShell(
      'echo unread | { syntropy container exec web --user 0 --env A=1 --workdir /srv -- echo -i a b a 2>err; s=$?; cat; exit $s; } | od -An -tx1; echo "${PIPESTATUS[1]}"; cat err',
      { ...daemon, cwd: daemon.stateDir },
    );

    expect([stdout, status]).toEqual([' ff 00 6f 75 74 75 6e 72 65 61 64 0a\n42\nerr', 0]);
    expect(daemon.calls).toHaveLength(1);
    expect(daemon.calls[0]?.body).toEqual({
      command: ['echo', '-i', 'a', 'b', 'a'],
      env: { A: '1' },
      user: '0',
      workingDir: '/srv',
    });
  });

  it('hands on its input in order and to its end, whatever is in it', async () => {
    await using daemon = await scriptedDaemon(echoing(3));
    const script =
      'head -c 300000 /dev/urandom | tee in | syntropy container exec -i web -- cat > out';

    const { status } = await runShell(`${script}; s=$?; tail -c +8 out | cmp - in && exit $s`, {
      ...daemon,
      cwd: daemon.stateDir,
    });

    const written = writtenOf(daemon.calls);
    expect(status).toBe(3);
    expect(written.map(({ seq }) => seq)).toEqual(written.map((_, index) => index + 1));
    expect(bytesOf(written)).toHaveLength(300_000);
    expect(written.at(-1)?.end).toBe(true);
  });

  it('repeats what the daemon could not take, under the same number', async () => {
    const echo = echoing(0);
    let refusals = 2;
    await using daemon = await scriptedDaemon({
      ...echo,
      'containers.execInput': (call, response) => {
        refusals -= 1;
        if (refusals >= 0) throw new AppError('DATABASE_UNAVAILABLE', 'Not now.');
        return echo['containers.execInput']?.(call, response);
      },
    });

    const { stdout, status } = await runCli(words('container exec -i web -- cat'), {
      ...daemon,
      stdin: 'hello',
    });

    expect([stdout, status]).toEqual(['ready\r\nhello', 0]);
    expect(
      writtenOf(daemon.calls)
        .map(({ seq }) => seq)
        .slice(0, 3),
    ).toEqual([1, 1, 1]);
  });

  it('on a terminal hands on each key, Ctrl-C too, and the size, and puts the terminal right', async () => {
    await using daemon = await scriptedDaemon(echoing(5));
    const line =
      'stty rows 33 cols 101; before=$(stty -g); syntropy container exec -it web -- sh; echo "status $?"; [ "$before" = "$(stty -g)" ] && echo restored';

    const { stdout } = await runProgramOnTerminal(['bash', '-c', line], {
      ...daemon,
      typed: [{ after: /ready/, text: 'a\u0003b\u0004' }],
    });

    expect(stdout).toContain('status 5');
    expect(stdout).toContain('restored');
    expect(daemon.calls[0]?.body).toMatchObject({
      tty: true,
      stdin: true,
      size: { columns: 101, rows: 33 },
    });
    expect(bytesOf(writtenOf(daemon.calls)).toString('latin1')).toBe('a\u0003b\u0004');
  });

  it('tells the size of the terminal when it changes', async () => {
    const echo = echoing(0);
    await using daemon = await scriptedDaemon({
      ...echo,
      'containers.execInput': (call, response) => {
        const { size, base64: key } = writtenOf([call])[0] ?? {};
        if (key !== undefined) void writeFile(path.join(daemon.stateDir, 'gate'), 'go\n');
        const answer = echo['containers.execInput']?.(call, response);
        // It ends when it has learned of the size; or never, and then the test does by force.
        return size === undefined
          ? answer
          : echo['containers.execInput']?.({ ...call, body: { seq: 0, end: true } }, response);
      },
    });
    // Another program changes the size once the first key has arrived.
    const script =
      'mkfifo gate; { read -r x < gate; stty -F "$0" rows 44 cols 88; } & syntropy container exec -it web -- sh';

    await runProgramOnTerminal(['bash', '-c', `t=$(tty); exec bash -c '${script}' "$t"`], {
      ...daemon,
      cwd: daemon.stateDir,
      timeoutMs: 15_000,
      typed: [{ after: /ready/, text: 'x' }],
    });

    expect(writtenOf(daemon.calls).map(({ size }) => size)).toContainEqual({
      columns: 88,
      rows: 44,
    });
  }, 20_000);

  it.each([
    ['CONTAINER_NOT_FOUND', {}, 125],
    ['CONTAINER_START_FAILED', {}, 126],
    ['CONTAINER_START_FAILED', { exitCode: 127 }, 127],
  ] as const)('ends a %s with its details %j with the status %d', async (code, details, status) => {
    await using daemon = await scriptedDaemon({
      'containers.exec': () => {
        throw new AppError(code, 'No.', details);
      },
    });

    const shown = await runCli(words('container exec web -- x'), daemon);
    const document = await runCli(words('container exec web --json -- x'), daemon);

    expect([shown.status, shown.stderr]).toEqual([status, expect.stringMatching(/^Error: No\./)]);
    expect([document.status, JSON.parse(document.stdout).error.code]).toEqual([status, code]);
  });

  it('says of which container that it does not run, and so do stats', async () => {
    await using daemon = await scriptedDaemon({
      'containers.exec': isIdle,
      'containers.stats': isIdle,
    });

    const said = [];
    for (const line of ['exec web -- x', 'exec web --replica 2 -- x', 'stats web --once']) {
      const { stderr } = await runCli(words(`container ${line}`), daemon);
      said.push(stderr.split(/\.\s/)[0]);
    }

    expect(said).toEqual([
      'Error: Container web does not run at this time',
      'Error: Replica 2 of container web does not run at this time',
      'Error: Container web does not run at this time',
    ]);
  });

  it('refuses a terminal where its input is none, and words that it would take for its own', async () => {
    await using daemon = await scriptedDaemon({});
    for (const line of ['-it web -- sh', 'web grep -i x', 'web']) {
      expect([line, (await runCli(words(`container exec ${line}`), daemon)).status]).toEqual([
        line,
        125,
      ]);
    }
    expect(daemon.calls).toEqual([]);
  });

  it('says that it does not know when the connection ends first', async () => {
    await using daemon = await scriptedDaemon({
      'containers.exec': (_, response) => streamOf(response, [{ session: CONTAINER_ID }]),
    });

    const { stderr, status } = await runOnTerminal(words('container exec web -- x'), daemon).then(
      ({ stdout, status: ended }) => ({ stderr: stdout, status: ended }),
    );

    expect([status, stderr]).toEqual([125, expect.stringContaining('not known')]);
  });
});
