import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { Check } from 'typebox/value';

import type { RuntimeFacts } from '../../core/services/container/runtime.ports.js';

import { writeFileAtomic } from '../../core/storage/files/atomic-file.js';

/** What of an engine says how the cgroups of its containers are named. */
export type CgroupFacts = Pick<RuntimeFacts, 'cgroup' | 'cgroupDriver'>;

const Kept = Type.Object({
  version: Type.Literal(1),
  cgroup: Type.Union([Type.Literal('v1'), Type.Literal('v2'), Type.Literal('none')]),
  cgroupDriver: Type.Union([Type.Literal('cgroupfs'), Type.Literal('systemd')]),
});

/** What the engine said of cgroups last, on the disk: so that limits are set after a start of the machine before the engine answers. */
export class CgroupRecord {
  readonly #file: string;

  /** @param directory - of the agent. */
  constructor(directory: string) {
    this.#file = path.join(directory, 'cgroups.json');
  }

  /** Undefined where nothing is known, or what is there cannot be read: the engine says it again. */
  async read(): Promise<CgroupFacts | undefined> {
    try {
      const kept: unknown = JSON.parse(await readFile(this.#file, 'utf8'));
      return Check(Kept, kept) ? kept : undefined;
    } catch {
      return undefined;
    }
  }

  async save({ cgroup, cgroupDriver }: CgroupFacts): Promise<void> {
    const kept: Static<typeof Kept> = { version: 1, cgroup, cgroupDriver };
    await writeFileAtomic(this.#file, `${JSON.stringify(kept)}\n`);
  }
}
