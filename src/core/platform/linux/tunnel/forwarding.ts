import type { Programs } from './programs.js';

const NOTE = 'syntropy forwards for';
/** IFALIASZ of the kernel, less a little. */
const LONGEST_NOTE = 240;

/** Whether interfaces of this machine hand on what comes in by them (IPv4). */
export class Forwarding {
  readonly #programs: Programs;

  constructor(programs: Programs) {
    this.#programs = programs;
  }

  /** Of these, those that forward for us alone: they do not by themselves, or because we said so before. */
  async ours(devices: readonly string[], note: string | undefined): Promise<readonly string[]> {
    if (devices.length === 0 || (await this.#reads('all'))) return [];
    const before = noted(note);
    const ours: string[] = [];
    for (const device of devices) {
      if (before.includes(device) || !(await this.#reads(device))) ours.push(device);
    }
    return ours;
  }

  async open(devices: readonly string[]): Promise<void> {
    for (const device of devices) {
      if (!(await this.#reads(device))) await this.#write(device, 1);
    }
  }

  /** As it was before; unless the whole machine has become a router meanwhile, or the interface is gone. */
  async close(devices: readonly string[]): Promise<void> {
    if (devices.length === 0 || (await this.#reads('all'))) return;
    for (const device of devices) await this.#write(device, 0).catch(() => undefined);
  }

  async #reads(device: string): Promise<boolean> {
    return (await this.#programs.run('sysctl', ['-n', keyOf(device)])).trim() === '1';
  }

  async #write(device: string, value: 0 | 1): Promise<void> {
    await this.#programs.run('sysctl', ['-q', '-w', `${keyOf(device)}=${value}`]);
  }
}

/** The note on an interface which says what forwards for its sake. */
export function noteOf(devices: readonly string[]): string {
  return [NOTE, ...devices].join(' ').slice(0, LONGEST_NOTE);
}

/** Which interfaces a note names. */
export function noted(note: string | undefined): readonly string[] {
  if (note === undefined || !note.startsWith(NOTE)) return [];
  return note.slice(NOTE.length).split(' ').filter(Boolean);
}

/** With slashes: a name may have dots. */
function keyOf(device: string): string {
  return `net/ipv4/conf/${device}/forwarding`;
}
