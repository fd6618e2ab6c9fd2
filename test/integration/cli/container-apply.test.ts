import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { OperationOutput } from '../../../src/contract/registry.js';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { runCli } from '../../support/cli.js';
import { containerNamed } from '../../support/scripted-container.js';
import { type Answers, scriptedDaemon } from '../../support/scripted-daemon.js';

const words = (line: string) => line.split(' ');
const errorOf = (stdout: string): unknown => JSON.parse(stdout).error;

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
const nameIn = (body: unknown) =>
  typeof body === 'object' && body !== null && 'name' in body ? String(body.name) : '';
const answers = (refused?: string): Answers => ({
  'containers.plan': ({ body }) => {
    const name = nameIn(body);
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
/** Every container of the file lives already, with these labels. */
const living = (labels: Record<string, string>): Answers => ({
  ...answers(),
  'containers.plan': ({ body }) => ({ ...plan(nameIn(body)), action: 'update' }),
  'containers.get': ({ params }) => containerNamed(params['container'] ?? '', { labels }),
});
const operations = (daemon: {
  calls: readonly { operation: string; params: Readonly<Record<string, string>> }[];
}) => daemon.calls.map(({ operation, params }) => [operation, ...Object.values(params)].join(' '));

// Goal: an app is what its file says, and a file that cannot be has changed nothing.
describe('container apply', () => {
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

  it('says what is to be known of each of them, and goes on', async () => {
    await using daemon = await scriptedDaemon({
      ...answers(),
      'containers.plan': ({ body }) => ({
        ...plan(nameIn(body)),
        warnings: nameIn(body) === 'shop-db' ? ['It stays.'] : [],
      }),
    });

    const done = await runCli(words('container apply -f - --no-wait'), { ...daemon, stdin: app });
    const dry = await runCli(words('container apply -f - --dry-run'), { ...daemon, stdin: app });

    const warning = 'Warning: shop-db: It stays.\n';
    expect([done.status, done.stderr, dry.stderr]).toEqual([0, warning, warning]);
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

  it('takes over no container that is not of the app, and changes nothing then', async () => {
    const argv = words('container apply -f - --no-wait');
    const bare = app.replace('name: shop\n', '');

    await using foreign = await scriptedDaemon(living({ app: 'blog' }));
    await using byHand = await scriptedDaemon(living({ owner: 'me' }));
    await using own = await scriptedDaemon(living({ app: 'shop' }));
    const run = async (daemon: typeof own, stdin: string) =>
      (await runCli(argv, { ...daemon, stdin })).status;

    expect([await run(foreign, app), await run(byHand, app), await run(foreign, bare)]).toEqual([
      5, 5, 5,
    ]);
    expect(operations(foreign).concat(operations(byHand)).join(' ')).not.toContain('apply');
    expect([await run(own, app), await run(byHand, bare)]).toEqual([0, 0]);
  });

  it('tells beforehand what would change, as the history tells it afterwards', async () => {
    const { spec } = containerNamed('shop-web');
    const next = { ...spec, env: { COLOUR: 'blue' }, memoryBytes: 2 ** 29 };
    await using daemon = await scriptedDaemon({
      ...living({ app: 'shop' }),
      'containers.plan': ({ body }) => ({
        ...plan(nameIn(body)),
        action: 'update',
        spec: next,
        changed: ['env', 'labels', 'memoryBytes'],
      }),
    });

    const { stdout } = await runCli(words('container apply -f - --dry-run'), {
      ...daemon,
      stdin: app,
    });

    expect(stdout).toMatch(
      /Changes: +env\.COLOUR: none → blue, memory: 256 MiB → 512 MiB, labels\n/,
    );
  });

  it('calls one that was removed as the file had it', async () => {
    await using daemon = await scriptedDaemon({
      ...answers(),
      'containers.remove': () =>
        containerNamed('shop-old~97bf4d92', { formerName: 'shop-old', status: 'removing' }),
    });

    const { stdout } = await runCli(words('container apply -f - --prune --yes --no-wait'), {
      ...daemon,
      stdin: app,
    });

    expect(stdout).toContain('Removed container shop-old.\n');
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
