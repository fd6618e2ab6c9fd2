import { describe, expect, it } from 'vitest';

import { documentOf, runCli, runShell, startCli } from '../../support/cli.js';
import {
  CONTAINER_ID,
  containerNamed,
  runningReplica,
  streamOf,
} from '../../support/scripted-container.js';
import { type Answers, scriptedDaemon } from '../../support/scripted-daemon.js';
import { waitFor } from '../../support/wait-for.js';

const words = (line: string) => line.split(' ');

const line = (at: number, stream: string, text: string) => ({
  at: `2026-01-02T03:04:0${at}Z`,
  stream,
  text,
});

const answers = (replicas: number, many = 1): Answers => ({
  'containers.get': () => containerNamed('web', { replicas }),
  'containers.logs': (_, response) =>
    streamOf(response, [
      ...Array.from({ length: many }, () => ({
        replica: 1,
        node: 'node-01',
        lines: [line(1, 'stdout', 'out'), line(2, 'stderr', 'err')],
      })),
      { replica: 2, node: 'node-02', lines: [line(3, 'stdout', 'two')] },
      { replica: 2, node: 'node-02', missing: 'its node went away' },
    ]),
});

describe('container logs', () => {
  it('keep the two outputs apart, and say of which replica a line is', async () => {
    await using daemon = await scriptedDaemon(answers(2));

    const { stdout, stderr, status } = await runCli(
      words('container logs web --timestamps --tail 5 --since 2026-01-02T03:04:05Z'),
      daemon,
    );

    expect(stdout).toBe('web-1 | 2026-01-02T03:04:01Z out\nweb-2 | 2026-01-02T03:04:03Z two\n');
    expect(stderr).toBe(
      'web-1 | 2026-01-02T03:04:02Z err\nReplica 2 on node-02: its node went away\n',
    );
    expect(status).toBe(0);
    expect(daemon.calls[1]?.query).toEqual({ since: '2026-01-02T03:04:05Z', tail: '5' });
  });

  it('are one object a line under --json', async () => {
    await using daemon = await scriptedDaemon(answers(1));

    const { stdout } = await runCli(words('container logs web --json'), daemon);

    expect(JSON.parse(stdout.split('\n')[1] ?? '')).toEqual({
      schemaVersion: 1,
      replica: 1,
      node: 'node-01',
      ...line(2, 'stderr', 'err'),
    });
  });

  it('are all there, to the end', async () => {
    await using daemon = await scriptedDaemon(answers(1, 100_000));

    const child = startCli(words('container logs web'), daemon);
    child.stderr?.resume();
    let stdout = '';
    for await (const chunk of child.stdout?.setEncoding('utf8') ?? []) {
      stdout += chunk;
      // Slower than the command writes.
      let looks = 0;
      await waitFor('the next look', () => (looks += 1) > 2);
    }

    expect(stdout.split('\n')).toHaveLength(100_002);
  });

  it('end quietly when nobody reads on', async () => {
    await using daemon = await scriptedDaemon(answers(1, 20_000));

    const { stdout, stderr } = await runShell(
      'syntropy container logs web 2>/dev/null | head -2; echo "${PIPESTATUS[0]}"',
      daemon,
    );

    expect([stdout, stderr]).toEqual(['out\nout\n0\n', '']);
  });

  it('that are followed go on behind the last line when the daemon has ended them', async () => {
    const heard: unknown[] = [];
    await using daemon = await scriptedDaemon({
      'containers.get': () => containerNamed('web'),
      'containers.logs': ({ query }, response) => {
        heard.push(query);
        const first = { replica: 1, node: 'node-01', lines: [line(1, 'stdout', 'one')] };
        const second = { ...first, lines: [...first.lines, line(2, 'stdout', 'two')] };
        if (heard.length > 1) return streamOf(response, [second]);
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`data: ${JSON.stringify(first)}\n\n`);
        response.end('event: end\ndata: {"reason":"stopping"}\n\n');
        return undefined;
      },
    });

    const { stdout, status } = await runCli(words('container logs web -f --tail 1'), daemon);

    expect([stdout, status]).toEqual(['one\ntwo\n', 0]);
    expect(heard).toEqual([
      { follow: 'true', tail: '1' },
      { follow: 'true', since: '2026-01-02T03:04:01.000000000Z' },
    ]);
  });

  it('fail when the daemon ends them before they are complete', async () => {
    await using daemon = await scriptedDaemon({
      'containers.get': () => containerNamed('web'),
      'containers.logs': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.end('event: end\ndata: {"reason":"slow_reader"}\n\n');
        return undefined;
      },
    });

    expect((await runCli(words('container logs web'), daemon)).status).toBe(6);
  });
});

const event = (cursor: number) => ({
  cursor: String(cursor),
  type: 'container.updated',
  object: { kind: 'container', id: CONTAINER_ID },
  payload: {},
  createdAt: '2026-01-02T03:04:05.000Z',
});

describe('what is shown of a container', () => {
  it('says how old the word of a node is that is away', async () => {
    await using daemon = await scriptedDaemon({
      'containers.get': () =>
        containerNamed('web', {
          status: 'unknown',
          observedAt: '2026-01-02T03:04:05.000Z',
          instances: [
            runningReplica({
              phase: 'unknown',
              ports: [{ host: 8080, container: 80, protocol: 'tcp' }],
            }),
          ],
        }),
      'containers.usage': () => ({ container: { id: CONTAINER_ID, name: 'web' }, usage: [] }),
    });

    const { stdout } = await runCli(words('container status web'), daemon);

    expect(stdout).toMatch(/As of: +\S+.* ago: nothing is heard of node-01/);
    expect(stdout).toContain('node-01:8080');
  });

  it('is the last of its events, asked for as such', async () => {
    await using daemon = await scriptedDaemon({
      'containers.get': () => containerNamed('web'),
      'events.list': () => ({ events: [event(699), event(700)], cursor: '1025' }),
    });

    const document = documentOf(
      await runCli(words('container events web --limit 2 --json'), daemon),
    );

    expect(document).toMatchObject({
      events: [{ cursor: '699' }, { cursor: '700' }],
      cursor: '1025',
    });
    expect(daemon.calls[1]?.query).toEqual({ object: CONTAINER_ID, last: 'true', limit: '2' });
  });
});
