import { copyFile, type FileHandle, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

import {
  MAX_USAGE_RECORDS,
  UsageRecord,
  type UsageRecordFrame,
} from '../../contract/agent/work.js';
import { Timestamp, Uuid } from '../../contract/schemas/common.js';
import { writeFileAtomic } from '../../core/storage/files/atomic-file.js';
import { errorCode } from '../../core/types/errors/error-code.js';

/** A node that is away for long tells less exactly when what was used, and still all of it. */
const MAX_RECORDS = 20_000;
/** The file is written anew when it has become so much longer than what it says. */
const MAX_GROWTH_BYTES = 4 << 20;

const Count = Type.Integer({ minimum: 0 });
/** Where counters stood when the last record of a lease was made. What has come since is in the next one, whoever makes it. */
const Baseline = Type.Object({
  lease: Uuid,
  bootId: Type.String(),
  /** Of that record. */
  seq: Count,
  at: Timestamp,
  cpuMicros: Count,
  memoryBytes: Count,
  /** The run that was under way; absent, none was. */
  run: Type.Optional(Type.String()),
  /** What of it was used outside of the lease's cgroup, and where the counters of those runs stood. */
  own: Type.Optional(
    Type.Object({
      cpuMicros: Count,
      reads: Type.Array(Type.Object({ run: Type.String(), cpuMicros: Count })),
    }),
  ),
  net: Type.Optional(Type.Object({ namespace: Type.String(), rxBytes: Count, txBytes: Count })),
});
export type Baseline = Static<typeof Baseline>;

const Numbered = Type.Object({ n: Count, record: UsageRecord });
type Numbered = Static<typeof Numbered>;
const Line = Type.Object({
  records: Type.Optional(Type.Array(Numbered)),
  baselines: Type.Optional(Type.Array(Baseline)),
  /** Leases that have ended: their counters are gone. */
  gone: Type.Optional(Type.Array(Uuid)),
  /** All up to this one may be known to the daemon, and stay as they are. */
  sent: Type.Optional(Count),
  /** All up to this one are known to it. */
  noted: Type.Optional(Count),
  /** What the next record is numbered. */
  next: Type.Optional(Count),
});
type Line = Static<typeof Line>;
const lineCheck = Compile(Line);

/**
 * What was used and is not known to the daemon yet, and where the counters stood then, in one file: a record and the baseline that follows from it are one
 * line, so that no end of this process or of the machine loses use or tells it twice. A line that was cut short counts as never written.
 */
export class UsageJournal {
  readonly #file: string;
  readonly #baselines = new Map<string, Baseline>();
  #records: Numbered[] = [];
  #next = 1;
  #sent = 0;
  #handle: FileHandle | undefined;
  #sizeBytes = 0;
  #writtenBytes = 0;
  #queue: Promise<void> = Promise.resolve();
  #isLost = false;

  private constructor(file: string) {
    this.#file = file;
  }

  /** Of a file that is damaged before its end a copy is put aside, and what can be read of it is taken over. @param directory - of the agent. */
  static async open(
    directory: string,
    onDamage: (file: string) => void = () => undefined,
  ): Promise<UsageJournal> {
    const journal = new UsageJournal(path.join(directory, 'usage.jsonl'));
    await journal.#read(onDamage);
    return journal;
  }

  baseline(lease: string): Baseline | undefined {
    return this.#baselines.get(lease);
  }

  /** The file was not there, or was damaged before its end: what was told of leases that have no baseline is not known. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Leases that have one. */
  leases(): readonly string[] {
    return [...this.#baselines.keys()];
  }

  /** Records that are not known to the daemon. */
  get size(): number {
    return this.#records.length;
  }

  /** Resolves when it lies on the disk. Rejects when there is no room: then it is as if it had never been asked for. */
  async append(
    records: readonly UsageRecordFrame[],
    baselines: readonly Baseline[],
  ): Promise<void> {
    if (records.length === 0 && baselines.length === 0) return;
    await this.#write(() => ({
      records: records.map((record, i) => ({ n: this.#next + i, record })),
      baselines: [...baselines],
    }));
    if (this.#records.length > MAX_RECORDS) this.#merge();
  }

  /** The lease has ended, and its counters are gone. */
  async forget(lease: string): Promise<void> {
    if (this.#baselines.has(lease)) await this.#write(() => ({ gone: [lease] }));
  }

  /** The oldest records that are not known to the daemon, under the number that it is to answer with. They stay as they are from now on. */
  async toSend(): Promise<
    { readonly id: number; readonly records: readonly UsageRecordFrame[] } | undefined
  > {
    const some = this.#records.slice(0, MAX_USAGE_RECORDS);
    const id = some.at(-1)?.n;
    if (id === undefined) return undefined;
    if (id > this.#sent) {
      // At once: what is on its way to be sent is not merged with anything.
      this.#sent = id;
      await this.#write(() => ({ sent: id }));
    }
    return { id, records: some.map(({ record }) => record) };
  }

  /** The daemon has them. @param id - as `toSend` has numbered them. */
  async noted(id: number): Promise<void> {
    if (this.#records.some(({ n }) => n <= id)) await this.#write(() => ({ noted: id }));
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #read(onDamage: (file: string) => void): Promise<void> {
    const text = await readFile(this.#file, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) {
      // It is there from the beginning, so that one that is missing later was lost.
      this.#isLost = true;
      return this.#writeAnew();
    }
    const lines = text.split('\n');
    for (const [i, each] of lines.entries()) {
      const line = each === '' ? {} : parsed(each);
      if (line) this.#apply(line);
      else if (i < lines.length - 1) {
        await copyFile(this.#file, `${this.#file}.damaged`);
        onDamage(`${this.#file}.damaged`);
        this.#isLost = true;
        return this.#writeAnew();
      }
    }
  }

  #apply({ records = [], baselines = [], gone = [], sent, noted, next }: Line): void {
    for (const numbered of records) this.#records.push(numbered);
    for (const baseline of baselines) this.#baselines.set(baseline.lease, baseline);
    for (const lease of gone) this.#baselines.delete(lease);
    this.#next = Math.max(this.#next, next ?? 1, (records.at(-1)?.n ?? 0) + 1);
    this.#sent = Math.max(this.#sent, sent ?? 0);
    if (noted !== undefined) this.#records = this.#records.filter(({ n }) => n > noted);
  }

  /** One after the other. What was not written whole is cut off again. */
  #write(make: () => Line): Promise<void> {
    const done = this.#queue.then(() => this.#writeLine(make()));
    this.#queue = done.catch(() => undefined);
    return done;
  }

  async #writeLine(line: Line): Promise<void> {
    const isTooLong = this.#sizeBytes > this.#writtenBytes * 2 + MAX_GROWTH_BYTES;
    if (!this.#handle || isTooLong) await this.#writeAnew();
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    try {
      await this.#handle?.appendFile(bytes);
      await this.#handle?.datasync();
    } catch (error) {
      await this.#cutOff();
      throw error;
    }
    this.#sizeBytes += bytes.length;
    this.#apply(line);
  }

  async #writeAnew(): Promise<void> {
    const whole: Line = {
      records: this.#records,
      baselines: [...this.#baselines.values()],
      sent: this.#sent,
      next: this.#next,
    };
    const text = `${JSON.stringify(whole)}\n`;
    await writeFileAtomic(this.#file, text);
    await this.#handle?.close();
    this.#handle = undefined;
    this.#handle = await open(this.#file, 'a', 0o600);
    this.#writtenBytes = Buffer.byteLength(text);
    this.#sizeBytes = this.#writtenBytes;
  }

  /** The next one writes the file anew where even that does not work. */
  async #cutOff(): Promise<void> {
    try {
      await this.#handle?.truncate(this.#sizeBytes);
    } catch {
      await this.#handle?.close().catch(() => undefined);
      this.#handle = undefined;
    }
  }

  /** Of each lease, records that follow each other become one, for as long as there are too many. What may be known to the daemon stays. */
  #merge(): void {
    const merged: Numbered[] = [];
    const last = new Map<string, { readonly at: number; readonly isPair: boolean }>();
    for (const numbered of this.#records) {
      const { lease, bootId } = numbered.record;
      const key = `${lease} ${bootId}`;
      const before = last.get(key);
      const earlier = before && !before.isPair ? merged[before.at] : undefined;
      if (before && earlier && earlier.n > this.#sent) {
        merged[before.at] = together(earlier, numbered);
        last.set(key, { at: before.at, isPair: true });
      } else {
        last.set(key, { at: merged.push(numbered) - 1, isPair: false });
      }
    }
    // In the order of their numbers, which are acknowledged up to one.
    this.#records = merged.toSorted((a, b) => a.n - b.n);
    // The lines of before say what is no more.
    this.#sizeBytes = Infinity;
  }
}

function together(first: Numbered, second: Numbered): Numbered {
  const [a, b] = [first.record, second.record];
  return {
    n: second.n,
    record: {
      ...b,
      from: a.from,
      cpuMicros: a.cpuMicros + b.cpuMicros,
      memoryMibSeconds: a.memoryMibSeconds + b.memoryMibSeconds,
      rxBytes: a.rxBytes + b.rxBytes,
      txBytes: a.txBytes + b.txBytes,
    },
  };
}

function parsed(text: string): Line | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return lineCheck.Check(line) ? line : undefined;
  } catch {
    return undefined;
  }
}
