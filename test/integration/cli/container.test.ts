import { describe, expect, it } from 'vitest';

import type { OperationOutput } from '../../../src/contract/registry.js';

import { ADMIN_NAME } from '../../../src/core/types/constants/admin.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';
import { runCli, runOnTerminal } from '../../support/cli.js';
import {
  CONTAINER_ID,
  containerNamed,
  openStream,
  replica,
  runningReplica,
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

/** Two replicas in these phases. */
const two = (...phases: ['assigned' | 'pulling' | 'running', 'assigned' | 'pulling' | 'running']) =>
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
          '--label a=b --replicas 2 --selector site=attic --cap-add cap_net_raw --writable-root --pids-limit 9',
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
      confinement: { user: '1000', capAdd: ['NET_RAW'], writableRoot: true, pidsLimit: 9 },
    });
  });

  it('waits until every replica runs in the wanted generation, and tells the way', async () => {
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

  it('waits where a longest time is said, and refuses one that is none before anything is asked', async () => {
    await using daemon = await scriptedDaemon({
      ...coming([begun]),
      'containers.start': () => begun,
      'containers.remove': () => begun,
      'events.follow': (_, response) => void openStream(response),
    });

    const waited = await runCli(
      words('container deploy --image nginx --name web --timeout 300ms'),
      daemon,
    );
    const asked = daemon.calls.length;
    for (const line of ['deploy --image nginx', 'start web', 'remove web --yes']) {
      const { status, stderr } = await runCli(
        words(`container ${line} --no-wait --timeout banana`),
        daemon,
      );
      expect([line, status, stderr]).toEqual([line, 2, expect.stringContaining('--timeout')]);
    }

    expect([waited.status, waited.stderr]).toEqual([7, expect.stringContaining('not running')]);
    expect(daemon.calls).toHaveLength(asked);
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

  it('refuse what is no change, no number, or says two things, and make no call', async () => {
    await using daemon = await scriptedDaemon({});
    for (const [line, said] of [
      ['scale web 0', '<replicas> "0" is no number from 1 to 100.'],
      ['scale web abc', '<replicas> "abc" is no number from 1 to 100.'],
      ['update web', 'Nothing to change was said.'],
      ['update web --no-health --health-retries 3', '--no-health'],
    ] as const) {
      const { status, stderr } = await runCli(words(`container ${line}`), daemon);
      expect([line, status, stderr]).toEqual([line, 2, expect.stringContaining(said)]);
    }
    expect(daemon.calls).toEqual([]);
  });

  it('call one that has given up its name as people know it', async () => {
    const former = { name: 'web~7d75f8ec', formerName: 'web', desired: 'removed' } as const;
    const removing = containerNamed('web', { ...former, status: 'removing' });
    const gone = containerNamed('web', { ...former, status: 'removed', instances: [] });
    let reads = 0;
    await using daemon = await scriptedDaemon({
      ...coming([removing]),
      'containers.get': () => [containerNamed('web'), removing][reads++] ?? gone,
      'containers.remove': () => removing,
    });

    const { stdout, stderr, status } = await runCli(
      words('container remove web --yes --wait'),
      daemon,
    );

    expect([status, stdout]).toEqual([0, 'Removed container web.\n']);
    expect(stderr).toBe('web on node-01: running\n');
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

  it('say where the volumes of one that is removed stay, and how they are had again', async () => {
    const { spec } = containerNamed('db');
    const volumes = ['data', '/srv'].map((source, at) => ({
      source,
      target: `/${at}`,
      readOnly: false,
    }));
    const volumesOf = '018f6e2a-0000-7000-8000-0000000000c9';
    await using daemon = await scriptedDaemon({
      'containers.get': () => containerNamed('db', { spec: { ...spec, volumes }, volumesOf }),
      'containers.remove': () => containerNamed('db', { status: 'removing' }),
    });

    const kept = await runCli(words('container remove db --yes --no-wait'), daemon);
    const gone = await runCli(words('container remove db --volumes --yes --no-wait'), daemon);

    const removed = 'Container db is being removed; its name is free.\n';
    expect(kept.stdout).toBe(
      `${removed}Its volume data stays on node-01, where the engine calls it syntropy-${volumesOf}-data.\nAnother container db of ${ADMIN_NAME} finds it there; --node says where it is placed.\n`,
    );
    expect(gone.stdout).toBe(removed);
  });
});

// Goal: what is shown of a container is true at that time.
describe('container status', () => {
  it('says how long a replica is up where it is up', async () => {
    const phases = ['running', 'unhealthy', 'restarting', 'exited', 'stopping'] as const;
    const instances = phases.map((phase, index) => runningReplica({ replica: index + 1, phase }));
    await using daemon = await scriptedDaemon({
      'containers.get': () => containerNamed('web', { instances }),
      'containers.usage': () => ({ container: { id: CONTAINER_ID, name: 'web' }, usage: [] }),
    });

    const { stdout } = await runCli(words('container status web'), daemon);

    const up = phases.map((phase) => new RegExp(`${phase} +1 +0 +\\d+d`).test(stdout));
    expect(up).toEqual([true, true, false, false, false]);
  });
});
