import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readApp } from '../../../src/cli/app-file/read.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';

const read = (text: string, variables: Record<string, string> = {}, directory = '/nowhere') =>
  readApp({ text, variables, directory });

/** One service `s` with these lines. */
const service = async (...lines: string[]) => {
  const app = await read(
    `services:\n  s:\n    image: i\n${lines.map((line) => `    ${line}\n`).join('')}volumes: {data: }\nsecrets: {db: {external: true}}\n`,
    { HERE: 'x' },
  );
  return app.containers[0];
};

// Goal: a file in the Compose format means what it means there, or is refused with the place of what is not understood.
describe('an app file', () => {
  it('becomes containers in its order, named and labelled after the app', async () => {
    const { containers } = await read(
      'name: shop\nservices:\n  web: {image: "nginx:1"}\n  db: {image: postgres, labels: [tier=back]}\n',
    );

    expect(containers).toEqual([
      { name: 'shop-web', image: 'nginx:1', labels: { app: 'shop' } },
      { name: 'shop-db', image: 'postgres', labels: { tier: 'back', app: 'shop' } },
    ]);
  });

  it('without a name has containers named after their services', async () => {
    const { containers } = await read('services: {web: {image: nginx}}');

    expect(containers).toEqual([{ name: 'web', image: 'nginx' }]);
  });

  it.each([
    ['command: echo "a b" \'c\' d\\ e', { args: ['echo', 'a b', 'c', 'd e'] }],
    ['command: [a, "b c"]', { args: ['a', 'b c'] }],
    ['entrypoint: /bin/x -y', { command: ['/bin/x', '-y'] }],
    [
      'environment: {A: 1.0, B: "q", C: true, HERE: }',
      { env: { A: '1.0', B: 'q', C: 'true', HERE: 'x' } },
    ],
    ['environment: [A=1, HERE, NOT]', { env: { A: '1', HERE: 'x' } }],
    ['secrets: [db]', { secrets: [{ name: 'db' }] }],
    [
      'secrets: [{source: db, target: pw}]',
      { secrets: [{ name: 'db', target: '/run/secrets/pw' }] },
    ],
    [
      'ports: ["8080:80", 53/udp, 90]',
      {
        ports: [
          { host: 8080, container: 80, protocol: 'tcp' },
          { container: 53, protocol: 'udp' },
          { container: 90, protocol: 'tcp' },
        ],
      },
    ],
    [
      'volumes: ["data:/data:ro"]',
      { volumes: [{ source: 'data', target: '/data', readOnly: true }] },
    ],
    ['labels: {a: 1, b: }', { labels: { a: '1', b: '' } }],
    ['restart: no', { restart: 'no' }],
    ['restart: on-failure:3', { restart: 'on-failure', maxRestarts: 3 }],
    [
      'deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}',
      { restart: 'on-failure', maxRestarts: 2 },
    ],
    [
      'deploy: {replicas: 3, resources: {limits: {cpus: 0.5, memory: 128M}}}',
      { replicas: 3, cpuMillis: 500, memoryBytes: 2 ** 27 },
    ],
    [
      'deploy: {placement: {constraints: [node.labels.site==attic, node == n1]}}',
      { selector: { site: 'attic' }, node: 'n1' },
    ],
    ['deploy: {update_config: {order: stop-first}}', { updateOrder: 'stop-first' }],
    [
      'healthcheck: {test: "wget x", interval: 5s, retries: 2}',
      {
        health: {
          command: ['/bin/sh', '-c', 'wget x'],
          intervalMs: 5_000,
          timeoutMs: 5_000,
          retries: 2,
          startPeriodMs: 0,
        },
      },
    ],
    [
      'healthcheck: {test: [CMD, /check], start_period: 0s}',
      {
        health: {
          command: ['/check'],
          intervalMs: 10_000,
          timeoutMs: 5_000,
          retries: 3,
          startPeriodMs: 0,
        },
      },
    ],
    ['healthcheck: {disable: true}', {}],
    [
      '{cap_add: [CAP_NET_RAW], read_only: false, user: 1000:1000}'
        .slice(1, -1)
        .replaceAll(', read', '\n    read')
        .replaceAll(', user', '\n    user'),
      { confinement: { capAdd: ['NET_RAW'], writableRoot: true, user: '1000:1000' } },
    ],
    ['working_dir: /srv', { workingDir: '/srv' }],
    ['stop_grace_period: 1m30s', { stopSeconds: 90 }],
    // Not nothing, which would end it by force at once.
    ['stop_grace_period: 400ms', { stopSeconds: 1 }],
    ['stop_grace_period: 0s', { stopSeconds: 0 }],
    ['deploy: {restart_policy: {condition: any}}', { restart: 'always' }],
    ['pull_policy: if_not_present', { pull: 'missing' }],
    [
      'x-syntropy: {node: n1, payFrom: n2, lostAfter: 5m, registryAuth: reg}',
      { node: 'n1', payFrom: 'n2', lostAfterSeconds: 300, registryAuth: 'reg' },
    ],
  ])('%s is read', async (line, wanted) => {
    expect(await service(line)).toEqual({ name: 's', image: 'i', ...wanted });
  });

  it.each([
    [
      'services:\n  web:\n    image: a\n    build: .\n',
      4,
      5,
      /"services.web.build" is not supported; .* hold image/,
    ],
    [
      'services:\n  web:\n    image: a\n    deploy:\n      mode: global\n',
      5,
      7,
      /"services.web.deploy.mode"/,
    ],
    [
      'version: "3"\nservices: {web: {image: a}}\n',
      1,
      1,
      /"version" is not supported; the file may hold name, services/,
    ],
    [
      'services:\n  web:\n    image: a\n    depends_on: [db]\n',
      4,
      5,
      /depends_on is not supported: containers begin/,
    ],
    [
      'services:\n  web:\n    image: a\n    ports:\n      - "80"\n      - 80-90:80\n',
      6,
      9,
      /ports\[1\] "80-90:80" is no port/,
    ],
    [
      'services:\n  web:\n    image: a\n    volumes: [other:/x]\n',
      4,
      15,
      /volume other is not named/,
    ],
    [
      'services:\n  a: {image: i, volumes: ["v:/x"]}\n  b: {image: i, volumes: ["v:/x"]}\nvolumes: {v: }\n',
      3,
      27,
      /used by a and b/,
    ],
    ['services:\n  web:\n    image: a\n    secrets: [none]\n', 4, 15, /secret none is not named/],
    [
      'secrets:\n  db:\n    file: ./x\nservices: {web: {image: a}}',
      3,
      5,
      /"secrets.db.file" is not supported/,
    ],
    [
      'services:\n  web:\n    image: a\n    deploy:\n      restart_policy:\n        max_attempts: 3\n        condition: any\n',
      6,
      9,
      /max_attempts goes with the condition on-failure/,
    ],
    [
      'services:\n  web: {image: a, deploy: {restart_policy: {max_attempts: 3}}}\n',
      2,
      45,
      /max_attempts goes with the condition on-failure/,
    ],
    ['services:\n  web: {command: x}\n', 2, 8, /needs an image/],
    ['services:\n  Web_1: {image: a}\n', 2, 3, /can be no name/],
    ['services:\n  web:\n    image: a\n    image: b\n', 4, 5, /no YAML/],
    ['services:\n  web: {image: a\n', 3, 1, /no YAML/],
    ['services:\n  web:\n    image: ${MISSING:?set it}\n', 3, 12, /MISSING is not set: set it/],
    ['services:\n  web:\n    image: a$\n', 3, 12, /write \$\$ for a \$/],
    ['services: {}\n', 1, 1, /no service/],
    ['- a\n', 1, 1, /keys and values/],
    ['services:\n  web: {image: a, env_file: none.env}\n', 2, 29, /none.env cannot be read/],
    ['services:\n  web: {image: a, command: "echo \'x"}\n', 2, 28, /quote that is not closed/],
    ['services:\n  web: {image: a, deploy: {replicas: 0}}\n', 2, 38, /number from 1 to 100/],
    ['name: x\nservices:\n  web: {image: a, labels: {app: y}}\n', 3, 3, /label app is the name/],
    ['a: 1\n---\nb: 2\n', 3, 1, /second document/],
  ])('%j is refused with its place', async (text, line, column, message) => {
    const error = await read(text).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({
      code: 'APP_FILE_INVALID',
      message: expect.stringMatching(message),
      details: { line, column },
    });
  });

  it('takes variables as Compose does', async () => {
    const { containers, warnings } = await read(
      'services: {s: {image: "$A${B}${C:-c}${E:-e}${E-n}$$x$NOT"}}',
      { A: 'a', B: 'b', E: '' },
    );

    expect(containers[0]?.image).toBe('abce$x');
    expect(warnings).toEqual(['NOT is not set; it is empty.']);
  });

  it('resolves anchors and merges, of which what is nearer wins', async () => {
    const { containers } = await read(
      'x-base: &base {image: a, user: "1"}\nservices:\n  s: {<<: *base, image: b}\n',
    );

    expect(containers[0]).toMatchObject({ image: 'b', confinement: { user: '1' } });
  });

  it('does not grow beyond all bounds by its aliases', async () => {
    const levels = Array.from(
      { length: 12 },
      (_, n) => `x-${n + 1}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(', ')}]`,
    );
    const text = ['x-0: &a0 [1]', ...levels, 'services: {s: {image: a}}'].join('\n');

    await expect(read(text)).rejects.toMatchObject({ code: 'APP_FILE_INVALID' });
  });

  it('finds files of variables beside itself, and what it says itself wins', async () => {
    const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-app-'));
    try {
      await writeFile(
        path.join(directory, 'web.env'),
        '# one\nexport A=file # said\nB="two\\nlines\\$x"\nC=\'${x}\'\nD=1\nE=5$\nF="x" # ${y}\n',
      );
      const { containers } = await read(
        'services: {s: {environment: {D: 2}, image: a, env_file: web.env}}',
        {},
        directory,
      );
      expect(containers[0]?.env).toEqual({
        A: 'file',
        B: 'two\nlines$x',
        C: '${x}',
        D: '2',
        E: '5$',
        F: 'x',
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it.each(['A=${HOST}', 'A=x$HOST # said', 'A="http://${HOST}/"', 'A="${HOST:-h}"'])(
    'does not take %s of a file of variables for a text that means something else',
    async (line) => {
      const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-app-'));
      try {
        await writeFile(path.join(directory, 'web.env'), `B=1\n${line}\n`);

        await expect(
          read('services: {s: {image: a, env_file: web.env}}', { HOST: 'h' }, directory),
        ).rejects.toMatchObject({
          code: 'APP_FILE_INVALID',
          message: expect.stringMatching(
            /web\.env, line 2: A holds a variable, .* put it in single quotes/,
          ),
        });
      } finally {
        await rm(directory, { recursive: true });
      }
    },
  );

  it('says that a .env beside it was not read, where something is not set', async () => {
    const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-app-'));
    try {
      await writeFile(path.join(directory, '.env'), 'TAG=2\n');
      const text = 'services: {s: {image: "a:${TAG:-1}$MORE"}}';

      const { warnings } = await read(text, {}, directory);
      const whole = await read(text, { MORE: 'x' }, directory);

      expect(warnings).toEqual([
        'MORE is not set; it is empty.',
        expect.stringContaining('The file .env is not read'),
      ]);
      expect(whole.warnings).toEqual([]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('is read or refused, whatever stands in it', async () => {
    const word = fc.constantFrom(
      'services',
      'web',
      'image',
      'a',
      ':',
      ' ',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      '-',
      '*x',
      '&x',
      '${',
      '$',
      '"',
      '<<',
      '!!set',
      '|',
      '? ',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 30 }), async (parts) => {
        const error = await read(parts.join('')).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error === undefined || error instanceof AppError).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
