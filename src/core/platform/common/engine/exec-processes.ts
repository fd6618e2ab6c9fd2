import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process may make others while it is looked for: so often it is looked again, each time with those stopped that were found. */
const MAX_ROUNDS = 8;

/** The first process of a command, as this machine numbers it, and the PID namespace of its container. */
export interface ExecProcess {
  readonly pid: number;
  readonly namespace: string;
}

/** Undefined where the number is of no process here, or of one outside of any container: the engine is elsewhere, or it has ended. */
export async function execProcess(pid: number): Promise<ExecProcess | undefined> {
  const [namespace, own] = await Promise.all([namespaceOf(pid), namespaceOf('self')]);
  return namespace === undefined || namespace === own ? undefined : { pid, namespace };
}

/**
 * Ends a command with all that it has started: what descends from its first process, and what is in its session, which that process leads (as runc and crun
 * make it), also where a parent in between has ended. Whatever is in another container, or in none, is left alone.
 */
export async function endExec(command: ExecProcess): Promise<void> {
  const found = new Set<number>();
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const more = (await membersOf(command)).filter((pid) => !found.has(pid));
    if (more.length === 0) break;
    for (const pid of more) {
      found.add(pid);
      // What is stopped starts nothing any more.
      signal(pid, 'SIGSTOP');
    }
  }
  for (const pid of found) {
    if ((await namespaceOf(pid)) === command.namespace) signal(pid, 'SIGKILL');
  }
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
}

async function membersOf({ pid, namespace }: ExecProcess): Promise<readonly number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = (await Promise.all(names.map(statOf))).filter((stat) => stat !== undefined);
  const members = new Set(
    stats.filter((one) => one.pid === pid || one.session === pid).map((one) => one.pid),
  );
  for (let before = -1; before !== members.size;) {
    before = members.size;
    for (const one of stats) if (members.has(one.parent)) members.add(one.pid);
  }
  const inside = await Promise.all(
    [...members].map(async (one) => ((await namespaceOf(one)) === namespace ? [one] : [])),
  );
  return inside.flat();
}

/** Of proc(5); the name, which may be anything, is in the brackets. */
async function statOf(name: string): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
  const [, parent, , session] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return session === undefined
    ? undefined
    : { pid: Number(name), parent: Number(parent), session: Number(session) };
}

function namespaceOf(pid: number | 'self'): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/pid`).catch(() => undefined);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile, or is not ours to end.
  }
}
