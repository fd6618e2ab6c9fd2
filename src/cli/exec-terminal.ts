import type { ExecInput } from './exec-input.js';

/** Signals that end this program: the terminal is put right before. */
const ENDINGS = { SIGTERM: 143, SIGHUP: 129 } as const;

/** The size of the terminal, where there is one. */
export function terminalSize(): { columns: number; rows: number } | undefined {
  const { columns, rows, isTTY } = process.stdout;
  // A terminal that has just been made may not know its size yet, and says 0.
  return isTTY && columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

/**
 * Hands each key on as it is typed, Ctrl-C too.
 * @returns what puts the terminal right again; it is done in any case when this program ends, but by force.
 */
export function rawTerminal(): () => void {
  if (!process.stdin.isTTY) return () => undefined;
  process.stdin.setRawMode(true);
  const restore = () => {
    process.stdin.setRawMode(false);
    process.removeListener('exit', restore);
    for (const [signal, ended] of endings) process.removeListener(signal, ended);
  };
  const endings = Object.entries(ENDINGS).map(
    ([signal, status]) => [signal, () => process.exit(status)] as const,
  );
  process.on('exit', restore);
  for (const [signal, ended] of endings) process.on(signal, ended);
  return restore;
}

/** Tells the size of this terminal whenever it changes. @returns what ends it. */
export function followSize(input: ExecInput): () => void {
  const tell = () => {
    const size = terminalSize();
    if (size) input.resize(size);
  };
  process.stdout.on('resize', tell);
  return () => process.stdout.removeListener('resize', tell);
}

/** Hands standard input on until its end. @returns what ends it. */
export function followStdin(input: ExecInput): () => void {
  const { stdin } = process;
  const read = (bytes: Buffer) => input.write(bytes);
  const end = () => input.end();
  stdin.on('data', read);
  stdin.once('end', end);
  return () => {
    stdin.removeListener('data', read);
    stdin.removeListener('end', end);
    stdin.pause();
  };
}
