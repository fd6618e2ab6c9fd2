import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { endAll, unmountAll, removeCgroups } from './leftovers.js';
import { waitFor } from './wait-for.js';

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;

/** What `importBusybox` makes an image of, beside the programs of busybox. */
export interface BusyboxImage {
  /** Instructions of a Dockerfile: `HEALTHCHECK …`, `LABEL …`, `CMD …`. */
  readonly changes?: readonly string[];
}

/** A real engine of one test's own, in a network namespace of its own: the host's networks and its firewall are left as they are. */
export interface TestEngine extends AsyncDisposable {
  readonly kind: 'docker' | 'podman';
  readonly socketPath: string;
  /** Name of the network namespace. */
  readonly namespace: string;
  /** The words before a command that runs it there. Unlike `ip netns exec`, it leaves /sys as it is. */
  readonly within: readonly string[];
  readonly folder: string;
  /** Makes an image of busybox under that name. */
  importBusybox(name: string, image?: BusyboxImage): Promise<void>;
  /** Gives an image another name, and puts it into the registry of that name. */
  push(image: string, as: string): Promise<void>;
  /** Takes the image away, with every name it has. */
  forget(image: string): Promise<void>;
  /** Calls the engine's API past the code under test. */
  api(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }>;
  /** Runs something in the engine's network, with a time-out. */
  reach(program: string, ...args: readonly string[]): Promise<string>;
  /** `kill -9`; what it minds goes on. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export interface EngineOptions {
  /** A namespace that is there already, such as a host of `lan()`. */
  readonly namespace?: string;
  /** Its disk is one of its own, of that size, mounted at `data` of its folder. */
  readonly diskBytes?: number;
}

interface Kind {
  readonly kind: TestEngine['kind'];
  prepare(folder: string): Promise<void>;
  command(folder: string, socketPath: string): readonly string[];
  env(folder: string): NodeJS.ProcessEnv;
}

const dockerKind: Kind = {
  kind: 'docker',
  prepare: (folder) => writeFile(path.join(folder, 'daemon.json'), '{}'),
  command: (folder, socketPath) => [
    'dockerd',
    '--config-file',
    path.join(folder, 'daemon.json'),
    '--data-root',
    path.join(folder, 'data'),
    '--exec-root',
    path.join(folder, 'exec'),
    '--pidfile',
    path.join(folder, 'pid'),
    '--host',
    `unix://${socketPath}`,
    '--live-restore',
    '--exec-opt',
    'native.cgroupdriver=cgroupfs',
    '--cgroup-parent',
    cgroupOf(folder),
  ],
  env: () => process.env,
};

/** In a container it may not raise limits, crun knows no hybrid cgroups, and there is no journal. */
const CONTAINERS_CONF = (folder: string) => `
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
cgroupns = "private"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "${folder}/tmp"
volume_path = "${folder}/volumes"
[network]
network_backend = "netavark"
network_config_dir = "${folder}/networks"
`;

const podmanKind: Kind = {
  kind: 'podman',
  async prepare(folder) {
    await mkdir(path.join(folder, 'networks'));
    await writeFile(path.join(folder, 'containers.conf'), CONTAINERS_CONF(folder));
    await writeFile(
      path.join(folder, 'storage.conf'),
      `[storage]\ndriver = "overlay"\ngraphroot = "${folder}/data"\nrunroot = "${folder}/run"\n`,
    );
    await writeFile(
      path.join(folder, 'registries.conf'),
      ['127.0.0.1:5000', '127.0.0.1:5001', '127.0.0.1:5999']
        .map((location) => `[[registry]]\nlocation = "${location}"\ninsecure = true\n`)
        .join(''),
    );
  },
  command: (_folder, socketPath) => [
    'podman',
    'system',
    'service',
    '--time',
    '0',
    `unix://${socketPath}`,
  ],
  env: (folder) => ({
    ...process.env,
    CONTAINERS_CONF: path.join(folder, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: path.join(folder, 'storage.conf'),
    CONTAINERS_REGISTRIES_CONF: path.join(folder, 'registries.conf'),
  }),
};

/** A real Docker, ready. */
export const startDocker = (options: EngineOptions = {}) => startEngine(dockerKind, options);

/** A real `podman system service`, ready. */
export const startPodman = (options: EngineOptions = {}) => startEngine(podmanKind, options);

let made = 0;

async function startEngine(kind: Kind, options: EngineOptions): Promise<TestEngine> {
  made += 1;
  const folder = await mkdtemp(path.join(os.tmpdir(), `syntropy-${kind.kind}-`));
  const namespace = options.namespace ?? `syntropy-engine-${process.pid}-${made}`;
  const within = ['nsenter', `--net=/run/netns/${namespace}`, '--'];
  const socketPath = path.join(folder, 'engine.sock');
  let engine: { readonly child: ReturnType<typeof spawn>; readonly log: () => Promise<string> };

  const api = (method: string, call: string, body?: unknown) =>
    curl(socketPath, method, call, body === undefined ? undefined : JSON.stringify(body));
  const start = async () => {
    await rm(socketPath, { force: true });
    // Killed with its engine, and perhaps not buried by a container's init: a new engine would take it for alive, and wait for its word.
    await rm(path.join(folder, 'exec/containerd/containerd.pid'), { force: true });
    engine = launch([...within, ...kind.command(folder, socketPath)], kind.env(folder), folder);
    await waitFor(
      `${kind.kind} to be ready`,
      async () => {
        if (engine.child.exitCode !== null) throw new Error(await engine.log());
        return (await api('GET', '/_ping').catch(() => undefined))?.status === 200;
      },
      START_TIMEOUT_MS,
    );
  };
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (engine.child.exitCode !== null || engine.child.signalCode !== null) return;
    const ended = once(engine.child, 'exit');
    engine.child.kill(signal);
    await ended;
  };
  const remove = async () => {
    try {
      if (engine.child.exitCode !== null || engine.child.signalCode !== null) await start();
      await removeContainers(api);
      await kill('SIGTERM');
    } finally {
      await endAll(folder);
      unmountAll(folder);
      await removeCgroups(cgroupOf(folder));
      if (options.namespace === undefined) ip('netns', 'del', namespace);
      await rm(folder, { recursive: true, force: true });
    }
  };

  if (options.namespace === undefined) ip('netns', 'add', namespace);
  engine = launch(['true'], process.env, folder);
  try {
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    await kind.prepare(folder);
    if (options.diskBytes !== undefined) {
      const data = path.join(folder, 'data');
      await mkdir(data);
      const size = `size=${options.diskBytes}`;
      execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', data], { stdio: 'pipe' });
    }
    await start();
  } catch (error) {
    await remove().catch(() => undefined);
    throw error;
  }
  return {
    kind: kind.kind,
    socketPath,
    namespace,
    within,
    folder,
    api,
    kill: () => kill(),
    start,
    importBusybox: (name, image = {}) => importBusybox(kind, socketPath, folder, name, image),
    async push(image, as) {
      const [repo, tag] = split(as);
      const tagged = await api('POST', `/images/${image}/tag?repo=${repo}&tag=${tag}`);
      if (tagged.status !== 201) throw new Error(tagged.text);
      const pushed = await curl(socketPath, 'POST', `/images/${repo}/push?tag=${tag}`, undefined, [
        '-H',
        `X-Registry-Auth: ${Buffer.from(JSON.stringify(REGISTRY_USER)).toString('base64')}`,
      ]);
      if (pushed.status !== 200 || pushed.text.includes('errorDetail')) {
        throw new Error(pushed.text);
      }
    },
    async forget(image) {
      const gone = await api('DELETE', `/images/${image}?force=1`);
      if (gone.status !== 200) throw new Error(gone.text);
    },
    async reach(program, ...args) {
      const [nsenter = '', ...words] = [...within, program, ...args];
      return (await run(nsenter, words, { timeout: 20_000 })).stdout;
    },
    [Symbol.asyncDispose]: remove,
  };
}

/** Who may use a registry that asks. The hash is bcrypt's, of that password. */
export const REGISTRY_USER = { username: 'canary', password: 'canary-registry-4711' };
const REGISTRY_USERS = 'canary:$2y$05$abcdefghijklmnopqrstuuGBIfqmHo0GUM.JNNzAGSWTZA6btKTQ2\n';

/** A real registry on loopback of an engine's network, without TLS, with or without a question for user and password. */
export async function startRegistry(
  engine: Pick<TestEngine, 'within'>,
  options: {
    readonly port?: number;
    readonly asks?: boolean;
    /** What another one has. */
    readonly data?: string;
  } = {},
) {
  const { port = 5_000, asks = false } = options;
  const folder = await mkdtemp(path.join(os.tmpdir(), 'syntropy-registry-'));
  const data = options.data ?? path.join(folder, 'data');
  const address = `127.0.0.1:${port}`;
  await writeFile(path.join(folder, 'users'), REGISTRY_USERS);
  const config = [
    'version: 0.1',
    'log: {level: error, accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${data}}}`,
    `http: {addr: "${address}"}`,
    ...(asks ? [`auth: {htpasswd: {realm: grid, path: ${folder}/users}}`] : []),
  ];
  await writeFile(path.join(folder, 'config.yml'), config.join('\n'));
  const words = [...engine.within, 'docker-registry', 'serve', path.join(folder, 'config.yml')];
  const { child, log } = launch(words, process.env, folder);
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const registry = {
    address,
    data,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  const [nsenter = '', ...rest] = engine.within;
  const ask = [...rest, 'curl', '-s', `http://${address}/v2/`];
  try {
    await waitFor('the registry', async () => {
      if (child.exitCode !== null) throw new Error(await log());
      return run(nsenter, ask).then(
        () => true,
        () => false,
      );
    });
  } catch (error) {
    await registry[Symbol.asyncDispose]();
    throw error;
  }
  return registry;
}

/** The folder of an engine is unique, and so is its cgroup. */
function cgroupOf(folder: string): string {
  return `/${path.basename(folder)}`;
}

function launch(words: readonly string[], env: NodeJS.ProcessEnv, folder: string) {
  const [program = '', ...args] = words;
  const file = path.join(folder, 'log');
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const sink = createWriteStream(file, { flags: 'a' });
  sink.on('error', () => undefined);
  child.stdout.pipe(sink, { end: false });
  child.stderr.pipe(sink, { end: false });
  return { child, log: async () => (await readFile(file, 'utf8')).slice(-4_000) };
}

async function removeContainers(api: TestEngine['api']): Promise<void> {
  const { text } = await api('GET', '/containers/json?all=1');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the form of the Engine API
  const all = JSON.parse(text) as readonly { readonly Id: string }[];
  await Promise.all(all.map(({ Id }) => api('DELETE', `/containers/${Id}?force=1&v=1`)));
}

async function importBusybox(
  { kind }: Kind,
  socketPath: string,
  folder: string,
  name: string,
  { changes = [] }: BusyboxImage,
): Promise<void> {
  const root = await mkdtemp(path.join(folder, 'image-'));
  for (const directory of ['bin', 'tmp', 'etc', 'run', 'var/tmp']) {
    await mkdir(path.join(root, directory), { recursive: true });
  }
  // As images have them: an older runc gives a tmpfs the mode of what it covers, whatever was asked for.
  for (const open of ['tmp', 'var/tmp']) await chmod(path.join(root, open), 0o1777);
  await copyFile('/bin/busybox', path.join(root, 'bin/busybox'));
  const { stdout } = await run('/bin/busybox', ['--list']);
  for (const applet of stdout.split('\n').filter((word) => word !== '' && word !== 'busybox')) {
    await symlink('busybox', path.join(root, 'bin', applet));
  }
  await writeFile(path.join(root, 'etc/denied'), 'no program', { mode: 0o600 });
  const tar = `${root}.tar`;
  await run('tar', ['-C', root, '-cf', tar, '.']);
  const [repo, tag] = split(name);
  // Podman takes the tag with the name, Docker beside it.
  const named = kind === 'podman' ? { repo: `${repo}:${tag}` } : { repo, tag };
  const query = new URLSearchParams({ fromSrc: '-', ...named });
  for (const change of changes) query.append('changes', change);
  const answer = await curl(socketPath, 'POST', `/images/create?${query.toString()}`, `@${tar}`, [
    '-H',
    'content-type: application/x-tar',
  ]);
  if (answer.status !== 200 || answer.text.includes('errorDetail')) throw new Error(answer.text);
  await rm(root, { recursive: true });
  await rm(tar);
}

function split(name: string): readonly [string, string] {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/')
    ? [name.slice(0, colon), name.slice(colon + 1)]
    : [name, 'latest'];
}

async function curl(
  socketPath: string,
  method: string,
  call: string,
  body?: string,
  more: readonly string[] = ['-H', 'content-type: application/json'],
): Promise<{ status: number; text: string }> {
  const args = ['-sS', '--max-time', '60', '--unix-socket', socketPath, '-X', method, ...more];
  if (body !== undefined) args.push('--data-binary', body);
  args.push('-w', '\n%{http_code}', `http://engine/v1.41${call}`);
  const { stdout } = await run('curl', args, { maxBuffer: 64 << 20 });
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), text: stdout.slice(0, end) };
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}
