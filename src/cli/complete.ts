import { connect } from 'node:net';

import { resolveStatePaths } from '../core/config/state-paths.js';

/** A tab key that takes longer is worse than one that does nothing. */
const TIMEOUT_MS = 500;
const MAX_CHARACTERS = 4 << 20;

/** What can be asked for: the path, and the values in its answer. */
const KINDS: Readonly<Record<string, readonly [path: string, values: (answer: Answer) => Values]>> =
  {
    nodes: ['/v1/nodes?limit=500', ({ nodes }) => nodes?.map(({ name }) => name)],
    drives: ['/v1/usb/drives', ({ drives }) => drives?.map(({ path }) => path)],
    operations: ['/v1/operations?limit=100', ({ operations }) => operations?.map(({ id }) => id)],
    'running-operations': [
      '/v1/operations?status=running',
      ({ operations }) => operations?.map(({ id }) => id),
    ],
  };

type Values = readonly (string | undefined)[] | undefined;

interface Answer {
  readonly nodes?: readonly { readonly name?: string }[];
  readonly drives?: readonly { readonly path?: string }[];
  readonly operations?: readonly { readonly id?: string }[];
}

/**
 * `syntropy __complete <kind> [--state-dir <dir>]`: prints names, drives or ids, one a line, for the shell's completion. Whatever
 * goes wrong, it prints nothing and ends with 0: the shell would show an error in the middle of what is being typed.
 * HTTP/1.0 over a bare socket, for node:http alone would take a quarter of the time.
 */
export function run(argv: readonly string[]): void {
  const kind = KINDS[argv[0] ?? ''];
  if (!kind) return;
  const flag = argv.indexOf('--state-dir');
  const { socketPath } = resolveStatePaths((flag < 0 ? undefined : argv[flag + 1]) || undefined);
  const [path, values] = kind;

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
  socket.on('end', () => print(values(answerOf(response))));
  // Not `end`: a server may take a half-closed connection for one that nobody waits on.
  socket.write(`GET ${path} HTTP/1.0\r\nHost: syntropy\r\n\r\n`);
}

function answerOf(response: string): Answer {
  const body = response.slice(response.indexOf('\r\n\r\n') + 4);
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
