import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

const ENTRY = path.resolve('bin/syntropy.cjs');
const TIMEOUT_MS = 45_000;

export interface CliOptions {
  readonly stateDir?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sent to its stdin, which is closed at once without it. */
  readonly stdin?: string;
  readonly cwd?: string;
  /** When it is ended by force. */
  readonly timeoutMs?: number;
  /** Words before the command, such as those that run it in a network namespace. */
  readonly within?: readonly string[];
}

export interface CliResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A home of its own for every test file: the command's cache and the `syntropy` of its PATH, never the user's own. */
const home = mkdtempSync(path.join(os.tmpdir(), 'syntropy-cli-home-'));
symlinkSync(ENTRY, path.join(home, 'syntropy'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

function environment({ stateDir, env }: CliOptions): Record<string, string> {
  return {
    PATH: [home, path.dirname(process.execPath), process.env['PATH'] ?? ''].join(path.delimiter),
    HOME: home,
    LANG: 'C.UTF-8',
    TERM: 'xterm',
    // Where no daemon runs, unless the test says otherwise.
    SYNTROPY_STATE_DIR: stateDir ?? path.join(home, 'state'),
    ...env,
  };
}

/** Starts the real command, as a process of its own. */
export function startCli(argv: readonly string[], options: CliOptions = {}): ChildProcess {
  const [program = '', ...words] = [
    ...(options.within ?? []),
    process.execPath,
    '--',
    ENTRY,
    ...argv,
  ];
  return started(program, words, options);
}

/** Runs the real command to its end, which is forced after a while. */
export async function runCli(
  argv: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  return ended(startCli(argv, options));
}

/** Runs a line of bash in which `syntropy` is the real command. */
export async function runShell(script: string, options: CliOptions = {}): Promise<CliResult> {
  return ended(started('bash', ['-c', script], options));
}

/** What is typed once the terminal shows something. */
export interface Typed {
  readonly after: RegExp;
  readonly text: string;
}

/** Runs the real command on a terminal of its own. Both outputs arrive as one, in `stdout`. */
export async function runOnTerminal(
  argv: readonly string[],
  options: CliOptions & { readonly typed?: readonly Typed[] } = {},
): Promise<CliResult> {
  return runProgramOnTerminal(['syntropy', ...argv], options);
}

/** The same for another program, such as a shell in which `syntropy` is the real command. */
export async function runProgramOnTerminal(
  argv: readonly string[],
  options: CliOptions & { readonly typed?: readonly Typed[] } = {},
): Promise<CliResult> {
  const words = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  const child = started('script', ['-qefc', words.join(' '), '/dev/null'], options, true);
  const waiting = [...(options.typed ?? [])];
  let seen = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
    const [next] = waiting;
    if (!next?.after.test(seen)) return;
    waiting.shift();
    seen = '';
    child.stdin?.write(next.text);
  });
  return ended(child);
}

function started(
  program: string,
  argv: readonly string[],
  options: CliOptions,
  keepStdin = false,
): ChildProcess {
  const child = spawn(program, argv, {
    env: environment(options),
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? TIMEOUT_MS,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  // A command that has ended reads no more; that is for its status to tell.
  child.stdin.on('error', () => undefined);
  if (!keepStdin) child.stdin.end(options.stdin ?? '');
  return child;
}

/** Waits for the end of a process and of its outputs. */
export async function ended(child: ChildProcess): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ stdout, stderr, status, signal }));
  });
}

/** The one document on stdout. Fails when anything else is there. */
export function documentOf(result: CliResult): Record<string, unknown> {
  const value: unknown = JSON.parse(result.stdout);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`Not a document: ${result.stdout}`);
  }
  return { ...value };
}
