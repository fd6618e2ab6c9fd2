import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { OperationOutput } from '../../../src/contract/registry.js';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { documentOf, runCli, runOnTerminal, runShell } from '../../support/cli.js';
import {
  CONTAINER_ID,
  containerNamed,
  openStream,
  replica,
  runningReplica,
  streamOf,
} from '../../support/scripted-container.js';
import { type Answers, nodeNamed, scriptedDaemon } from '../../support/scripted-daemon.js';

type Details = OperationOutput<'containers.get'>;
const words = (line: string) => line.split(' ');
const errorOf = (stdout: string): unknown => JSON.parse(stdout).error;

/** A daemon whose container comes to be the next of these with each of its events. */
function coming(states: readonly Details[]): Answers {
  let at = 0;
  return {
    'containers.deploy': () => states[0],
    'containers.update': () => states[0],
    'containers.stop': () => states[0],
    'containers.get': () => states[Math.min(at++, states.length - 1)],
    'events.list': () => ({ events: [], cursor: '7' }),
    'events.follow': (_, response) => {
      const send = openStream(response);
      for (let cursor = 8; cursor < 20; cursor += 1) {
        send({
          cursor: String(cursor),
          type: 'container.replica-changed',
          object: { kind: 'container', id: CONTAINER_ID },
          payload: {},
          createdAt: '2026-01-02T03:04:05.000Z',
        });
      }
      return undefined;
    },
  };
}

const begun = containerNamed('web', {
  status: 'deploying',
  replicasRunning: 0,
  instances: [replica()],
});

// Goal: `container deploy` asks for what its flags say, and ends when it is there or says why it is not.
describe('container deploy', () => {
  it('asks for what docker run would be asked for', async () => {
    await using daemon = await scriptedDaemon(coming([begun]));

    const { stderr, status } = await runCli(
      [
        ...words(
          'container deploy --image reg.example.org/web:2 -p 8080:80 -v data:/data:ro -e A=1 -e HERE',
        ),
        ...words(
          '--secret db:/pw --cpus 0.5 --memory 256m --restart on-failure:3 --health-interval 5s --health-cmd',
        ),
        'wget -q localhost',
        ...words(
          '--label a=b --replicas 2 --selector site=attic --cap-add cap_net_admin --writable-root --pids-limit 9',
        ),
        ...words(
          '--pull always --registry-auth reg --user 1000 --workdir /srv --stop-timeout 5s --update-order stop-first',
        ),
        ...words(
          '--lost-after 5m --pay-from n2 --command sh --no-wait --idempotency-key k1 -- -c a b a',
        ),
      ],
      { ...daemon, env: { HERE: 'x y' } },
    );

    expect([stderr, status]).toEqual(['Its name is web, after its image.\n', 0]);
    expect(daemon.calls[0]?.headers['idempotency-key']).toBe('k1');
    expect(daemon.calls[0]?.body).toEqual({
      name: 'web',
      image: 'reg.example.org/web:2',
      command: ['sh'],
      args: ['-c', 'a', 'b', 'a'],
      env: { A: '1', HERE: 'x y' },
      secrets: [{ name: 'db', target: '/pw' }],
      ports: [{ host: 8080, container: 80, protocol: 'tcp' }],
      volumes: [{ source: 'data', target: '/data', readOnly: true }],
      cpuMillis: 500,
      memoryBytes: 2 ** 28,
      restart: 'on-failure',
      maxRestarts: 3,
      health: {
        command: ['/bin/sh', '-c', 'wget -q localhost'],
        intervalMs: 5_000,
        timeoutMs: 5_000,
        retries: 3,
        startPeriodMs: 0,
      },
      labels: { a: 'b' },
      replicas: 2,
      selector: { site: 'attic' },
      lostAfterSeconds: 300,
      payFrom: 'n2',
      pull: 'always',
      registryAuth: 'reg',
      workingDir: '/srv',
      stopSeconds: 5,
      updateOrder: 'stop-first',
      confinement: { user: '1000', capAdd: ['NET_ADMIN'], writableRoot: true, pidsLimit: 9 },
    });
  });

  it('waits until every replica runs in the wanted generation, and tells the way', async () => {
    const two = (
      ...phases: ['assigned' | 'pulling' | 'running', 'assigned' | 'pulling' | 'running']
    ) =>
      containerNamed('web', {
        replicas: 2,
        instances: phases.map((phase, index) =>
          replica({
            replica: index + 1,
            phase,
            observedGeneration: phase === 'running' ? 1 : 0,
            ports: [{ host: 32_768, container: 80, protocol: 'tcp' }],
          }),
        ),
      });
    await using daemon = await scriptedDaemon(
      coming([
        two('assigned', 'assigned'),
        two('pulling', 'assigned'),
        two('running', 'pulling'),
        two('running', 'running'),
      ]),
    );

    const { stdout, stderr, status } = await runCli(
      words('container deploy --image nginx --name web --wait --progress json'),
      daemon,
    );

    expect(status).toBe(0);
    expect(stdout).toContain('node-01:32768 -> 80/tcp');
    const told = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(told[0]).toEqual({
      schemaVersion: 1,
      phase: 'assigned',
      replica: 1,
      node: 'node-01',
      container: 'web',
    });
    expect(told.map(({ phase, replica: number }) => `${number} ${phase}`)).toEqual([
      '1 assigned',
      '2 assigned',
      '1 pulling',
      '1 running',
      '2 pulling',
      '2 running',
    ]);
  });

  it('fails with the code, the reason and the last words of what failed', async () => {
    const failed = containerNamed('web', {
      status: 'failed',
      instances: [
        replica({
          phase: 'failed',
          observedGeneration: 1,
          code: 'CONTAINER_IMAGE_NOT_FOUND',
          reason: 'manifest unknown',
          lastWords: 'bad\u001b[2J\nworse\n',
        }),
      ],
    });
    await using daemon = await scriptedDaemon(coming([begun, failed]));
    await using again = await scriptedDaemon(coming([begun, failed]));
    const argv = words('container deploy --image nginx --name web --wait --progress none');

    const shown = await runCli(argv, daemon);
    const document = await runCli([...argv, '--json'], again);

    expect(shown.status).toBe(4);
    expect(shown.stderr).toMatch(
      /^Its last words:\n {2}bad\[2J\n {2}worse\nError: Container web has failed: manifest unknown/,
    );
    expect(document.status).toBe(4);
    expect(errorOf(document.stdout)).toMatchObject({
      code: 'CONTAINER_IMAGE_NOT_FOUND',
      details: { lastWords: 'bad\u001b[2J\nworse\n', replica: 1, node: 'node-01' },
    });
  });

  it('gives up after its time, and says that the work goes on', async () => {
    await using daemon = await scriptedDaemon({
      ...coming([begun]),
      'events.follow': (_, response) => void openStream(response),
    });

    const { stderr, status } = await runCli(
      words('container deploy --image nginx --wait --timeout 300ms'),
      daemon,
    );

    expect(status).toBe(7);
    expect(stderr).toContain(
      'Container web is deploying, with 0 of 1 running, and not running, in time.',
    );
  });

  it('asks who pays on a terminal, and names the flag elsewhere', async () => {
    const answers: Answers = {
      ...coming([containerNamed('web')]),
      'containers.deploy': ({ body }) => {
        if (typeof body === 'object' && body !== null && 'payFrom' in body)
          return containerNamed('web');
        throw new AppError('PAYER_REQUIRED', 'You have 2 nodes.');
      },
      'sessions.get': () => ({
        member: containerNamed('x').owner,
        roles: ['admin'],
        permissions: [],
        via: 'socket',
      }),
      'nodes.list': () => ({
        nodes: [
          nodeNamed('mine'),
          nodeNamed('alien', { owner: { id: CONTAINER_ID, name: 'ana' } }),
        ],
      }),
    };
    await using daemon = await scriptedDaemon(answers);
    const argv = words('container deploy --image nginx --no-wait');

    const piped = await runCli(argv, daemon);
    const typed = await runOnTerminal(argv, { ...daemon, typed: [{ after: /pays/, text: '\r' }] });

    expect([piped.status, piped.stderr]).toEqual([2, expect.stringContaining('--pay-from')]);
    expect(typed.status).toBe(0);
    expect(typed.stdout).not.toContain('alien');
    expect(daemon.calls.at(-1)?.body).toMatchObject({ payFrom: 'mine' });
  });

  it('makes no call of a command line that cannot be meant', async () => {
    await using daemon = await scriptedDaemon({});
    for (const line of [
      '--image a -p 0:80',
      '--image a --memory 1mb',
      '--image a stray',
      '--image a --env-file none',
      '',
    ]) {
      const { status } = await runCli(words(`container deploy ${line}`.trim()), daemon);
      expect([line, status]).toEqual([line, line.includes('none') ? 4 : 2]);
    }
    expect(daemon.calls).toEqual([]);
  });
});

// Goal: a change is said as a change, and one that was taken back is a failure.
describe('the commands that change a container', () => {
  it('say what is to be otherwise, and nothing else', async () => {
    await using daemon = await scriptedDaemon(coming([containerNamed('web')]));

    await runCli(
      words(
        'container update web --env A=1 --env B- --label c- --no-health --publish none --if-version 7',
      ),
      daemon,
    );

    expect(daemon.calls[0]?.body).toEqual({
      env: { A: '1' },
      removeEnv: ['B'],
      removeLabels: ['c'],
      health: null,
      ports: [],
      ifVersion: 7,
    });
  });

  it('fail when the revision before came back', async () => {
    const updating = containerNamed('web', { status: 'updating', revision: 2 });
    const back = containerNamed('web', {
      instances: [
        runningReplica({
          code: 'CONTAINER_ROLLED_BACK',
          reason: 'it ended with 3',
          lastWords: 'oh',
        }),
      ],
    });
    await using daemon = await scriptedDaemon(coming([updating, updating, back]));

    const { stdout, status } = await runCli(
      words('container update web --image nginx:2 --wait --json'),
      daemon,
    );

    expect(status).toBe(1);
    expect(errorOf(stdout)).toMatchObject({
      code: 'CONTAINER_ROLLED_BACK',
      message: 'Container web went back to revision 1: it ended with 3',
    });
  });

  it('wait for a stop until all of it is down', async () => {
    const stopping = containerNamed('web', {
      desired: 'stopped',
      status: 'stopping',
      instances: [runningReplica({ generation: 2 })],
    });
    const stopped = containerNamed('web', {
      desired: 'stopped',
      status: 'stopped',
      replicasRunning: 0,
      instances: [replica({ phase: 'stopped', generation: 2, observedGeneration: 2 })],
    });
    await using daemon = await scriptedDaemon(coming([stopping, stopping, stopped]));

    const { stdout } = await runCli(words('container stop web --wait'), daemon);

    expect(stdout).toBe('Container web is stopped on node-01 (0 of 1 running).\n');
  });

  it('ask before a container is removed', async () => {
    await using daemon = await scriptedDaemon({
      'containers.get': () => containerNamed('web'),
      'containers.remove': () => containerNamed('web', { status: 'removing' }),
    });

    const refused = await runCli(words('container remove web'), daemon);
    const done = await runCli(words('container remove web --volumes --yes'), daemon);

    expect([refused.status, done.status]).toEqual([2, 0]);
    expect(daemon.calls.at(-1)).toMatchObject({
      operation: 'containers.remove',
      query: { volumes: 'true' },
    });
  });
});

describe('container logs', () => {
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

  it('end quietly when nobody reads on', async () => {
    await using daemon = await scriptedDaemon(answers(1, 20_000));

    const { stdout, stderr } = await runShell(
      'syntropy container logs web 2>/dev/null | head -2; echo "${PIPESTATUS[0]}"',
      daemon,
    );

    expect([stdout, stderr]).toEqual(['out\nout\n0\n', '']);
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

// Goal: what is set is what was handed over, to the byte, and never an argument.
describe('container secret set', () => {
  const answers: Answers = {
    'secrets.set': ({ params }) => ({
      id: CONTAINER_ID,
      name: params['name'] ?? '',
      owner: containerNamed('x').owner,
      usedBy: [],
      createdAt: '2026-01-02T03:04:05.000Z',
      updatedAt: '2026-01-02T03:04:05.000Z',
      version: 1,
    }),
  };

  it.each([
    ['printf "pw\\n" | syntropy container secret set db', 'pw'],
    ['printf "pw\\n" | syntropy container secret set db --raw', 'pw\n'],
    ['printf "pw\\n" > f; syntropy container secret set db --from-file f', 'pw\n'],
    ['printf "\\377\\0x" | syntropy container secret set db', '\u00FF\0x'],
  ])('by %s', async (script, value) => {
    await using daemon = await scriptedDaemon(answers);

    const { stderr, status } = await runShell(script, { ...daemon, cwd: daemon.stateDir });

    expect([stderr, status]).toEqual(['', 0]);
    expect(daemon.calls[0]?.body).toEqual({
      base64: Buffer.from(value, 'latin1').toString('base64'),
    });
  });

  it.each(['printf ""', 'printf "\\n"', 'head -c 65537 /dev/zero'])(
    'refuses %s',
    async (script) => {
      await using daemon = await scriptedDaemon(answers);

      const { status } = await runShell(`${script} | syntropy container secret set db`, daemon);

      expect([status, daemon.calls]).toEqual([2, []]);
    },
  );
});

// Goal: an app is what its file says, and a file that cannot be has changed nothing.
describe('container apply', () => {
  const app = 'name: shop\nservices:\n  web: {image: nginx}\n  db: {image: postgres}\n';
  const plan = (name: string): OperationOutput<'containers.plan'> => {
    const { spec, payFrom } = containerNamed(name);
    return {
      name,
      action: 'create',
      spec,
      replicas: 1,
      payFrom,
      placements: [],
      rejections: [],
      unconfined: [],
      changed: [],
      warnings: [],
    };
  };
  const answers = (refused?: string): Answers => ({
    'containers.plan': ({ body }) => {
      const name =
        typeof body === 'object' && body !== null && 'name' in body ? String(body.name) : '';
      if (name === refused) throw new AppError('NO_PLACE', 'No node has room.');
      return plan(name);
    },
    'containers.apply': ({ params }) => ({
      container: containerNamed(params['name'] ?? ''),
      outcome: 'created',
    }),
    'containers.list': () => ({
      containers: [
        containerNamed('shop-web'),
        containerNamed('shop-old', { id: '018f6e2a-0000-7000-8000-0000000000c2' }),
      ],
    }),
    'containers.remove': () => containerNamed('shop-old', { status: 'removing' }),
    'sessions.get': () => ({
      member: containerNamed('x').owner,
      roles: ['admin'],
      permissions: [],
      via: 'socket',
    }),
  });
  const operations = (daemon: {
    calls: readonly { operation: string; params: Readonly<Record<string, string>> }[];
  }) =>
    daemon.calls.map(({ operation, params }) => [operation, ...Object.values(params)].join(' '));

  it('asks for each service in the order of the file, after every check', async () => {
    await using daemon = await scriptedDaemon(answers());

    const { stdout, status } = await runCli(words('container apply -f - --prune --yes --no-wait'), {
      ...daemon,
      stdin: app,
    });

    expect(status).toBe(0);
    expect(stdout).toMatch(/shop-web +created +running +node-01\nshop-db +created/);
    expect(stdout).toContain('Removed container shop-old.');
    expect(operations(daemon)).toEqual([
      'containers.plan',
      'containers.plan',
      'sessions.get',
      'containers.list',
      'containers.apply shop-web',
      'containers.apply shop-db',
      'containers.remove 018f6e2a-0000-7000-8000-0000000000c2',
    ]);
  });

  it('changes nothing when one of them cannot be, and says which', async () => {
    await using daemon = await scriptedDaemon(answers('shop-db'));

    const { stderr, status } = await runCli(words('container apply -f -'), {
      ...daemon,
      stdin: app,
    });

    expect([status, stderr]).toEqual([
      5,
      expect.stringContaining('shop-db: No node has room. Nothing was changed.'),
    ]);
    expect(operations(daemon)).toEqual(['containers.plan', 'containers.plan']);
  });

  it('makes no call of a file that is not understood', async () => {
    await using daemon = await scriptedDaemon(answers());
    const folder = await mkdtemp(path.join(os.tmpdir(), 'syntropy-apply-'));
    try {
      const file = path.join(folder, 'app.yaml');
      await writeFile(file, `${app}    networks: [x]\n`);
      const { stdout, status } = await runCli(['container', 'apply', '-f', file, '--json'], daemon);
      expect([status, daemon.calls]).toEqual([2, []]);
      expect(errorOf(stdout)).toMatchObject({ code: 'APP_FILE_INVALID', details: { line: 5 } });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
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

  it('is the last of its events, from as many pages as there are', async () => {
    const event = (cursor: number) => ({
      cursor: String(cursor),
      type: 'container.updated',
      object: { kind: 'container', id: CONTAINER_ID },
      payload: {},
      createdAt: '2026-01-02T03:04:05.000Z',
    });
    await using daemon = await scriptedDaemon({
      'containers.get': () => containerNamed('web'),
      'events.list': ({ query }) => {
        const after = Number(query['after']);
        const events = Array.from({ length: Math.min(500, 700 - after) }, (_, index) =>
          event(after + index + 1),
        );
        return { events, cursor: String(after + events.length) };
      },
    });

    const document = documentOf(
      await runCli(words('container events web --limit 2 --json'), daemon),
    );

    expect(document).toMatchObject({
      events: [{ cursor: '699' }, { cursor: '700' }],
      cursor: '700',
    });
  });
});
