import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  nameOfImage,
  parseRestart,
  parseSecretMount,
  parseSelector,
} from '../../../src/cli/container-words.js';
import { deployRequest } from '../../../src/cli/container-request.js';
import { execWords } from '../../../src/cli/exec-words.js';
import { envChange, envOf, linesOfEnvFile } from '../../../src/cli/env-file.js';
import { parseMoment } from '../../../src/cli/moment.js';
import { formatPort, parsePort } from '../../../src/cli/ports.js';
import { parseCpus, parseMemory } from '../../../src/cli/quantities.js';
import { differences } from '../../../src/cli/revision-view.js';
import { withoutLineEnd } from '../../../src/cli/secret-value.js';
import { formatVolume, parseVolume } from '../../../src/cli/volumes.js';
import { wordsAfterDashes } from '../../../src/cli/words-after.js';

const usageError = expect.objectContaining({ code: 'USAGE_INVALID' });
const withoutEnd = (text: string) => withoutLineEnd(Buffer.from(text)).toString();
const words = (...inputs: string[]) => inputs.map((input) => ({ type: 'arg', input }));
const port = fc.integer({ min: 1, max: 65_535 });

// Goal: what people know from `docker run` means the same here, and what cannot be meant is refused.
describe('a port on a command line', () => {
  it.each([
    ['80', { container: 80, protocol: 'tcp' }],
    ['8080:80', { host: 8080, container: 80, protocol: 'tcp' }],
    ['53:53/udp', { host: 53, container: 53, protocol: 'udp' }],
  ])('%s is read', (text, read) => {
    expect(parsePort(text)).toEqual(read);
  });

  it.each(['', '0', ':80', '80:', '0:80', '65536', '1-2:3', '127.0.0.1:80:80', '80/sctp', ' 80'])(
    '"%s" is refused',
    (text) => {
      expect(() => parsePort(text)).toThrow(usageError);
    },
  );

  it('is written as it is read', () => {
    fc.assert(
      fc.property(
        fc.option(port, { nil: undefined }),
        port,
        fc.constantFrom('tcp' as const, 'udp' as const),
        (host, container, protocol) => {
          const wanted = { ...(host !== undefined && { host }), container, protocol };
          expect(parsePort(formatPort(wanted))).toEqual(wanted);
        },
      ),
    );
  });
});

describe('a volume on a command line', () => {
  it.each([
    ['data:/data', { source: 'data', target: '/data', readOnly: false }],
    ['/srv/a b:/x:ro', { source: '/srv/a b', target: '/x', readOnly: true }],
    ['data:/data:rw', { source: 'data', target: '/data', readOnly: false }],
  ])('%s is read', (text, read) => {
    expect(parseVolume(text)).toEqual(read);
  });

  it.each(['', 'data', 'data:', ':/data', 'data:data', './x:/x', 'data:/', 'a:/b:z', 'a:/b:ro:ro'])(
    '"%s" is refused',
    (text) => {
      expect(() => parseVolume(text)).toThrow(usageError);
    },
  );

  it('is written as it is read', () => {
    const letters = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,20}$/);
    fc.assert(
      fc.property(
        letters,
        letters,
        fc.boolean(),
        fc.boolean(),
        (name, folder, isPath, readOnly) => {
          const wanted = { source: isPath ? `/${name}` : name, target: `/${folder}`, readOnly };
          expect(parseVolume(formatVolume(wanted))).toEqual(wanted);
        },
      ),
    );
  });
});

describe('variables on a command line', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/);

  it('are what was said, whatever they hold', () => {
    fc.assert(
      fc.property(fc.dictionary(name, fc.string()), (env) => {
        const texts = Object.entries(env).map(([key, value]) => `${key}=${value}`);
        expect({ ...envOf([{ texts, where: '--env' }], {}) }).toEqual({ ...env });
      }),
    );
  });

  it('come from the environment by their name alone, or not at all', () => {
    const env = envOf([{ texts: ['HERE', 'NOT'], where: '--env' }], { HERE: 'a=b' });

    expect(env).toEqual({ HERE: 'a=b' });
  });

  it('of a file keep their quotes and their spaces, as docker has it', () => {
    const text = '\uFEFF# first\r\n\r\n  A="x y" # no comment\r\nHERE\nB=\n';
    const texts = linesOfEnvFile(text, 'env');

    expect(envOf([{ texts, where: 'env' }], { HERE: '1' })).toEqual({
      A: '"x y" # no comment',
      HERE: '1',
      B: '',
    });
  });

  it('of a file are refused with their line, without their value', () => {
    expect(() => linesOfEnvFile('A=1\n9B=secret\n', 'env')).toThrow(
      expect.objectContaining({
        code: 'USAGE_INVALID',
        message: expect.stringMatching(/^env, line 2: (?!.*secret)/),
      }),
    );
  });

  it('can be taken away', () => {
    expect(envChange([{ texts: ['A=1', 'B-', 'C=x-'], where: '--env' }], {})).toEqual({
      env: { A: '1', C: 'x-' },
      removeEnv: ['B'],
    });
  });
});

describe('amounts on a command line', () => {
  it.each([
    ['256m', 256 * 2 ** 20],
    ['256MiB', 256 * 2 ** 20],
    ['256MB', 256e6],
    ['1.5g', 1.5 * 2 ** 30],
    ['8388608', 2 ** 23],
  ])('%s is memory', (text, bytes) => {
    expect(parseMemory(text)).toBe(bytes);
  });

  it.each(['', '0', '-1', '1x', '256mb', '1e9', 'constructor', '99999999999999t'])(
    '"%s" is no memory',
    (text) => {
      expect(() => parseMemory(text)).toThrow(usageError);
    },
  );

  it.each([
    ['0.5', 500],
    ['.25', 250],
    ['2', 2_000],
  ])('%s is cores', (text, millis) => {
    expect(parseCpus(text)).toBe(millis);
  });

  it.each(['', '0', '0.0001', '-1', '1e3', '.'])('"%s" is no number of cores', (text) => {
    expect(() => parseCpus(text)).toThrow(usageError);
  });
});

describe('other words of a container', () => {
  it.each([
    ['no', { restart: 'no' }],
    ['on-failure', { restart: 'on-failure' }],
    ['on-failure:5', { restart: 'on-failure', maxRestarts: 5 }],
    ['unless-stopped', { restart: 'unless-stopped' }],
  ])('%s is a restart policy', (text, read) => {
    expect(parseRestart(text)).toEqual(read);
  });

  it.each(['', 'never', 'on-failure:', 'on-failure:0', 'on-failure:9999', 'always:3'])(
    '"%s" is no restart policy',
    (text) => {
      expect(() => parseRestart(text)).toThrow(usageError);
    },
  );

  it.each([
    ['nginx', 'nginx'],
    ['registry.example.org:5000/web/My_App:1.2@sha256:ab', 'my-app'],
    ['_/__', undefined],
  ])('%s makes the name %s', (image, name) => {
    expect(nameOfImage(image)).toBe(name);
  });

  it('secrets have a name and maybe a path', () => {
    expect(parseSecretMount('db.pw:/etc/pw')).toEqual({ name: 'db.pw', target: '/etc/pw' });
    expect(parseSecretMount('db')).toEqual({ name: 'db' });
    for (const text of ['', 'DB', 'db:', 'db:etc', 'db:/a:/b', '-db']) {
      expect(() => parseSecretMount(text)).toThrow(usageError);
    }
  });

  it('a selector has a key and a value', () => {
    expect(parseSelector(['a=1', 'b=x=y'])).toEqual({ a: '1', b: 'x=y' });
    expect(() => parseSelector(['a'])).toThrow(usageError);
  });

  it('a moment is a time, or so long ago', () => {
    expect(parseMoment('10m', 'since', Date.parse('2026-01-02T03:04:05Z'))).toBe(
      '2026-01-02T02:54:05.000Z',
    );
    expect(parseMoment('2026-01-02T03:04:05+01:00', 'since')).toBe('2026-01-02T03:04:05+01:00');
    for (const text of ['yesterday', '2026-01-02', '2026-13-02T03:04:05Z', '-1m']) {
      expect(() => parseMoment(text, 'since')).toThrow(usageError);
    }
  });

  it('a secret loses one line end, and nothing else', () => {
    expect([
      withoutEnd('a'),
      withoutEnd('a\n'),
      withoutEnd('a\r\n'),
      withoutEnd('a\n\n'),
      withoutEnd('\n'),
    ]).toEqual(['a', 'a', 'a', 'a\n', '']);
  });
});

describe('the words after --', () => {
  it('keep their order when one occurs twice', () => {
    const argv = ['web', '--', 'echo', 'a', 'b', 'a'];

    expect(wordsAfterDashes(words('web', 'echo', 'a', 'b', 'a'), argv, 1)).toEqual([
      'echo',
      'a',
      'b',
      'a',
    ]);
    expect(execWords(words('web', 'echo', 'a', 'b', 'a'))).toEqual(['echo', 'a', 'b', 'a']);
  });

  it('are refused before it', () => {
    expect(() => wordsAfterDashes(words('web', 'more'), ['web', 'more'], 1)).toThrow(usageError);
  });

  it('are not taken away from the command as flags', () => {
    const raw = [...words('web', 'grep'), { type: 'flag', flag: 'interactive', input: '-i' }];

    expect(() => execWords(raw)).toThrow(usageError);
  });
});

it('two revisions differ by their leaves', () => {
  const before = {
    image: 'a:1',
    env: { A: '1', B: '2' },
    ports: [{ container: 80, protocol: 'tcp' as const }],
  };
  const after = { image: 'a:2', env: { B: '2', C: '3' }, ports: [] };

  expect(differences(before, after)).toEqual([
    'env.A: 1 → none',
    'env.C: none → 3',
    'image: a:1 → a:2',
    'publish: 80/tcp → none',
  ]);
  expect(differences(before, before)).toEqual([]);
});

it('a difference is told in the words and the units of the command line', () => {
  const before = {
    cpuMillis: 100,
    memoryBytes: 2 ** 25,
    stopSeconds: 10,
    confinement: { capAdd: [], writableRoot: false },
    health: { command: ['/bin/sh', '-c', 'true'], intervalMs: 10_000 },
    secrets: [],
  };
  const after = {
    cpuMillis: 500,
    memoryBytes: 2 ** 28,
    stopSeconds: 5,
    confinement: { capAdd: ['CHOWN', 'KILL'], writableRoot: true },
    health: { command: ['/bin/sh', '-c', 'true'], intervalMs: 1_500 },
    secrets: [{ name: 'db', target: '/pw' }],
  };

  expect(differences(before, after)).toEqual([
    'cap-add: none → CHOWN,KILL',
    'cpus: 0.1 → 0.5',
    'health-interval: 10s → 1.5s',
    'memory: 32 MiB → 256 MiB',
    'secret: none → db:/pw',
    'stop-timeout: 10s → 5s',
    'writable-root: false → true',
  ]);
});

const deploy = (flags: object) => deployRequest({ image: 'a', ...flags }, []);

it('what no container can have is refused in the words of the command line', async () => {
  await expect(deploy({ memory: '4m' })).rejects.toMatchObject({
    message: '--memory "4m" is too little; a container takes 6 MiB at least.',
  });
  await expect(deploy({ cpus: '0.001' })).rejects.toMatchObject({
    message: '--cpus "0.001" is too little; a container takes 0.01 at least.',
  });
  await expect(deploy({ 'cap-add': ['sys_admin'] })).rejects.toMatchObject({
    message: expect.stringMatching(/^--cap-add "sys_admin" cannot be given; .*AUDIT_WRITE, CHOWN/),
  });
  expect(await deploy({ memory: '6m', 'cap-add': ['cap_chown,KILL'] })).toMatchObject({
    memoryBytes: 6 * 2 ** 20,
    confinement: { capAdd: ['CHOWN', 'KILL'] },
  });
});
