import { connect } from 'node:net';

import { chosenContext, LOCAL_CONTEXT, readContexts } from '../client/node/contexts.js';
import { resolveClientDir, resolveStatePaths } from '../core/config/state-paths.js';

/** A tab key that takes longer is worse than one that does nothing. */
const TIMEOUT_MS = 500;
/** A handshake over a network is part of it. */
const REMOTE_TIMEOUT_MS = 1_500;
const MAX_CHARACTERS = 4 << 20;

/** What can be asked for: the path, and the values in its answer. */
const KINDS: Readonly<Record<string, Kind>> = {
  nodes: ['/v1/nodes?limit=500', ({ nodes }) => nodes?.map(({ name }) => name)],
  containers: ['/v1/containers?limit=500', ({ containers }) => containers?.map(({ name }) => name)],
  secrets: ['/v1/secrets', ({ secrets }) => secrets?.map(({ name }) => name)],
  drives: ['/v1/usb/drives', ({ drives }) => drives?.map(({ path }) => path)],
  operations: ['/v1/operations?limit=100', ({ operations }) => operations?.map(({ id }) => id)],
  'running-operations': [
    '/v1/operations?status=running',
    ({ operations }) => operations?.map(({ id }) => id),
  ],
  members: ['/v1/members?limit=500', ({ members }) => members?.map(({ name }) => name)],
  roles: ['/v1/roles', ({ roles }) => roles?.map(({ name }) => name)],
  tokens: ['/v1/tokens?limit=500', ({ tokens }) => tokens?.map(({ name }) => name)],
};

type Kind = readonly [path: string, values: (answer: Answer) => Values];

type Values = readonly (string | undefined)[] | undefined;

interface Answer {
  readonly nodes?: readonly { readonly name?: string }[];
  readonly containers?: readonly { readonly name?: string }[];
  readonly secrets?: readonly { readonly name?: string }[];
  readonly drives?: readonly { readonly path?: string }[];
  readonly operations?: readonly { readonly id?: string }[];
  readonly members?: readonly { readonly name?: string }[];
  readonly roles?: readonly { readonly name?: string }[];
  readonly tokens?: readonly { readonly name?: string }[];
}

/**
 * `syntropy __complete <kind> [--state-dir <dir>] [--context <name>]`: prints names, drives or ids, one a line, for the shell's
 * completion. Whatever goes wrong, it prints nothing and ends with 0: the shell would show an error in the middle of what is being typed.
 */
export function run(argv: readonly string[]): void {
  const [kind = ''] = argv;
  const stateDir = valueOf(argv, '--state-dir');
  const directory = resolveClientDir(stateDir);
  try {
    if (kind === 'contexts')
      print([LOCAL_CONTEXT, ...Object.keys(readContexts(directory).contexts)]);
    const asked = KINDS[kind];
    if (!asked) return;
    const context = chosenContext(directory, valueOf(argv, '--context'), process.env);
    if (context) void askRemote(context, directory, asked).catch(() => process.exit());
    else askLocal(resolveStatePaths(stateDir).socketPath, asked);
  } catch {
    // Such as a context that there is not.
  }
}

function valueOf(argv: readonly string[], flag: string): string | undefined {
  const at = argv.indexOf(flag);
  return (at < 0 ? undefined : argv[at + 1]) || undefined;
}

/** HTTP/1.0 over a bare socket, for node:http alone would take a quarter of the time. */
function askLocal(socketPath: string, [path, values]: Kind): void {
  let response = '';
  const socket = connect(socketPath);
  // Not the socket's own time-out, which each byte would start again.
  setTimeout(() => socket.destroy(), TIMEOUT_MS).unref();
  socket.setEncoding('utf8');
  socket.on('error', () => undefined);
  socket.on('data', (text: string) => {
    response += text;
    if (response.length > MAX_CHARACTERS) socket.destroy();
  });
  socket.on('end', () => print(values(answerOf(response.slice(response.indexOf('\r\n\r\n') + 4)))));
  // Not `end`: a server may take a half-closed connection for one that nobody waits on.
  socket.write(`GET ${path} HTTP/1.0\r\nHost: syntropy\r\n\r\n`);
}

async function askRemote(
  target: NonNullable<ReturnType<typeof chosenContext>>,
  directory: string,
  [path, values]: Kind,
): Promise<void> {
  const { connectRemote } = await import('../client/node/connect.js');
  const token = process.env['SYNTROPY_TOKEN'];
  const { name: context } = target;
  const transport = connectRemote({ directory, context, target, token, note: () => undefined });
  const timeoutMs = REMOTE_TIMEOUT_MS;
  const answer = await transport({ method: 'GET', path, headers: {}, timeoutMs });
  print(values(answerOf(await answer.text())));
}

function answerOf(body: string): Answer {
  try {
    // The daemon's own answer; a problem document has none of the lists.
    const answer: Answer = JSON.parse(body);
    return answer;
  } catch {
    return {};
  }
}

function print(values: Values): void {
  const lines = (values ?? []).filter((value) => value !== undefined && /^[\w./:-]+$/.test(value));
  // Ends sooner than what is still open would by itself.
  process.stdout.write(lines.map((line) => `${line}\n`).join(''), () => process.exit());
}
