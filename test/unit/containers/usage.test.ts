import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { UsageRecordFrame } from '../../../src/contract/agent/work.js';
import type { InterfaceCounts } from '../../../src/agent/work/usage.js';

import { Meter } from '../../../src/agent/work/usage.js';
import { UsageJournal } from '../../../src/agent/work/usage-journal.js';

const LEASE = '0190a0a0-0000-7000-8000-00000000000a';
const MIB = 2 ** 20;
/** Milliseconds, by the clock of the machine. */
const BEGIN = 1_700_000_000_000;
const FIRST_SEQ = BEGIN + 1;

async function disk() {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'syntropy-usage-'));
  const journals: UsageJournal[] = [];
  return {
    directory,
    file: path.join(directory, 'usage.jsonl'),
    /** As the next process finds it. */
    open: async (onDamage?: (file: string) => void) => {
      const journal = await UsageJournal.open(directory, onDamage);
      journals.push(journal);
      return journal;
    },
    async [Symbol.asyncDispose]() {
      for (const journal of journals) await journal.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function running(run = 'run-1') {
  return new Map([[LEASE, { pid: 1, container: run, run }]]);
}

type Disk = Awaited<ReturnType<typeof disk>>;

/** A machine with one lease, on which time passes when the test says so. */
function machine() {
  const state = {
    ms: 0,
    bootId: 'boot-1',
    cpuMicros: 0,
    memoryBytes: 0,
    net: { namespace: 'net:[1]', rxBytes: 0, txBytes: 0 } as InterfaceCounts | undefined,
    hasCgroup: true,
    /** Counters of containers that are elsewhere, by their runs. */
    own: {} as Record<string, { cpuMicros: number; memoryBytes: number }>,
    warnings: [] as string[],
  };
  let hasBegun = false;
  const begin = async ({ open }: Pick<Disk, 'open'>) => {
    const journal = await open();
    const meter = new Meter({
      journal,
      lent: {
        counters: () =>
          Promise.resolve(
            state.hasCgroup
              ? { cpuMicros: state.cpuMicros, memoryBytes: state.memoryBytes }
              : undefined,
          ),
      },
      own: (_, { run }) => Promise.resolve(state.own[run]),
      interfaces: () => Promise.resolve(state.net),
      bootId: state.bootId,
      // The first one begins with no work.
      lost: new Set(journal.isLost && hasBegun ? [LEASE] : []),
      log: {
        info: () => undefined,
        warn: (text) => void state.warnings.push(text),
        error: () => undefined,
      },
      onGone: () => undefined,
      onRecords: () => undefined,
      now: () => new Date(BEGIN + state.ms),
      nowMs: () => state.ms,
    });
    hasBegun = true;
    return { journal, meter };
  };
  return { state, begin };
}

async function all(journal: UsageJournal): Promise<readonly UsageRecordFrame[]> {
  const records: UsageRecordFrame[] = [];
  for (let some = await journal.toSend(); some; some = await journal.toSend()) {
    records.push(...some.records);
    await journal.noted(some.id);
  }
  return records;
}

function summed(records: readonly UsageRecordFrame[]) {
  const add = (of: (record: UsageRecordFrame) => number) =>
    records.reduce((sum, record) => sum + of(record), 0);
  return {
    cpuMicros: add((one) => one.cpuMicros),
    mibSeconds: add((one) => one.memoryMibSeconds),
    rxBytes: add((one) => one.rxBytes),
    txBytes: add((one) => one.txBytes),
  };
}

// Goal: what is charged is what was used.
describe('what a lease has used', () => {
  it('is what was added since the record before', async () => {
    await using at = await disk();
    const { state, begin } = machine();
    const { journal, meter } = await begin(at);
    meter.watch(running());
    state.memoryBytes = 10 * MIB;
    await meter.sample();
    state.ms = 1_000;
    Object.assign(state, { cpuMicros: 500, net: { namespace: 'net:[1]', rxBytes: 7, txBytes: 3 } });
    await meter.sample();
    await meter.record();
    state.ms = 2_000;
    state.cpuMicros = 800;
    await meter.sample();
    await meter.record();

    const [first, second] = await all(journal);

    expect(first).toMatchObject({
      seq: FIRST_SEQ,
      cpuMicros: 500,
      memoryMibSeconds: 10,
      rxBytes: 7,
      txBytes: 3,
    });
    expect(second).toMatchObject({
      seq: FIRST_SEQ + 1,
      cpuMicros: 300,
      memoryMibSeconds: 10,
      rxBytes: 0,
    });
    expect(second?.from).toBe(first?.to);
  });

  it('goes on over a restart of the container, whose network begins anew', async () => {
    await using at = await disk();
    const { state, begin } = machine();
    const { journal, meter } = await begin(at);
    meter.watch(running());
    state.net = { namespace: 'net:[1]', rxBytes: 100, txBytes: 10 };
    await meter.sample();
    state.net = { namespace: 'net:[2]', rxBytes: 5, txBytes: 1 };
    meter.watch(running('run-2'));
    await meter.sample();
    await meter.record();

    expect(summed(await all(journal))).toMatchObject({ rxBytes: 105, txBytes: 11 });
  });

  it('counts anew after the machine started anew', async () => {
    await using at = await disk();
    const { state, begin } = machine();
    const first = await begin(at);
    first.meter.watch(running());
    state.cpuMicros = 900;
    await first.meter.sample();
    await first.meter.record();
    Object.assign(state, { bootId: 'boot-2', cpuMicros: 40, ms: 60_000 });
    const second = await begin(at);
    second.meter.watch(running('run-2'));
    await second.meter.sample();
    await second.meter.record();

    const records = await all(second.journal);

    expect(records.map(({ bootId, seq, cpuMicros }) => [bootId, seq, cpuMicros])).toEqual([
      ['boot-1', FIRST_SEQ, 900],
      ['boot-2', FIRST_SEQ + 60_000, 40],
    ]);
  });

  it('ends once, however often the end is tried', async () => {
    await using at = await disk();
    const { state, begin } = machine();
    const first = await begin(at);
    state.cpuMicros = 70;
    await first.meter.end(LEASE);
    // Killed before the cgroup was gone.
    const second = await begin(at);
    await second.meter.end(LEASE);
    state.hasCgroup = false;
    await second.meter.forget(LEASE);
    const third = await begin(at);
    await third.meter.end(LEASE);

    expect(summed(await all(third.journal)).cpuMicros).toBe(70);
  });

  it('is told under other numbers where the lease comes back after its end', async () => {
    await using at = await disk();
    const { state, begin } = machine();
    const { journal, meter } = await begin(at);
    meter.watch(running());
    state.cpuMicros = 70;
    await meter.sample();
    await meter.record();
    await meter.end(LEASE);
    await meter.forget(LEASE);
    Object.assign(state, { cpuMicros: 5, ms: 60_000 });
    meter.watch(running('run-2'));
    await meter.sample();
    await meter.record();

    const records = await all(journal);

    expect(new Set(records.map(({ seq }) => seq)).size).toBe(records.length);
    expect(summed(records).cpuMicros).toBe(75);
  });

  it.each([
    ['was lost', (file: string) => rm(file)],
    ['was damaged before its end', (file: string) => writeFile(file, 'no line\n{}\n')],
  ])('is told from then on where the file of it %s, and not once more', async (_, lose) => {
    await using at = await disk();
    const { state, begin } = machine();
    const first = await begin(at);
    first.meter.watch(running());
    state.cpuMicros = 900;
    state.net = { namespace: 'net:[1]', rxBytes: 7, txBytes: 3 };
    await first.meter.sample();
    await first.meter.record();
    const told = await all(first.journal);
    await lose(at.file);
    state.ms = 60_000;
    const second = await begin(at);
    second.meter.watch(running());
    await second.meter.sample();
    state.cpuMicros = 950;
    state.net = { namespace: 'net:[1]', rxBytes: 9, txBytes: 3 };
    await second.meter.sample();
    await second.meter.record();

    const records = await all(second.journal);

    expect(summed(records)).toMatchObject({ cpuMicros: 50, rxBytes: 2, txBytes: 0 });
    expect(told.map(({ seq }) => seq)).not.toContain(records[0]?.seq);
  });

  it('is that of its containers where they are in no cgroup of the lease', async () => {
    await using at = await disk();
    const { state, begin } = machine();
    state.hasCgroup = false;
    const first = await begin(at);
    first.meter.watch(running());
    state.own = { 'run-1': { cpuMicros: 100, memoryBytes: 10 * MIB } };
    await first.meter.sample();
    await first.meter.record();
    // The agent is away while it goes on.
    state.ms = 1_000;
    state.own = { 'run-1': { cpuMicros: 300, memoryBytes: 10 * MIB } };
    const second = await begin(at);
    second.meter.watch(running());
    await second.meter.sample();
    // Its next run has a counter of its own, which has come further than the one before.
    state.own = { 'run-2': { cpuMicros: 1_000, memoryBytes: 0 } };
    second.meter.watch(running('run-2'));
    await second.meter.sample();
    // One takes over from it, and gives up again.
    state.own = {
      'run-2': { cpuMicros: 1_000, memoryBytes: 0 },
      'run-3': { cpuMicros: 5, memoryBytes: 0 },
    };
    second.meter.watch(running('run-3'));
    await second.meter.sample();
    second.meter.watch(running('run-2'));
    await second.meter.sample();
    state.own = {};
    await second.meter.end(LEASE);

    const sum = summed(await all(second.journal));

    expect(sum.cpuMicros).toBe(300 + 1_000 + 5);
    expect(sum.mibSeconds).toBeCloseTo(10, 5);
    expect(state.warnings).toEqual([]);
  });

  it('goes on in the cgroup of the lease when there is one', async () => {
    await using at = await disk();
    const { state, begin } = machine();
    state.own = { 'run-1': { cpuMicros: 100, memoryBytes: MIB } };
    const { journal, meter } = await begin(at);
    meter.watch(running());
    await meter.sample();
    await meter.record();
    state.cpuMicros = 40;
    meter.watch(running('run-2'));
    await meter.sample();
    await meter.end(LEASE);

    expect(summed(await all(journal)).cpuMicros).toBe(140);
  });

  it('is said to be unknown where nothing can be counted, once', async () => {
    await using at = await disk();
    const { state, begin } = machine();
    state.hasCgroup = false;
    const { meter } = await begin(at);
    meter.watch(running());
    await meter.sample();
    await meter.sample();

    expect(state.warnings).toEqual([expect.stringContaining('cannot be counted')]);
  });

  it('is neither lost nor doubled, whenever the agent is killed', async () => {
    const moves = fc.array(
      fc.record({
        ms: fc.integer({ min: 0, max: 5_000 }),
        cpuMicros: fc.nat(1_000),
        rxBytes: fc.nat(1_000),
        act: fc.constantFrom('sample', 'record', 'kill', 'restart', 'send', 'torn'),
      }),
      { minLength: 1, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(moves, async (steps) => {
        await using at = await disk();
        const { state, begin } = machine();
        let life = await begin(at);
        let [run, rx, lastRx] = [1, 0, 0];
        const daemon = new Map<string, UsageRecordFrame>();
        life.meter.watch(running());
        for (const { ms, cpuMicros, rxBytes, act } of steps) {
          state.ms += ms;
          state.cpuMicros += cpuMicros;
          rx += rxBytes;
          state.net = { namespace: `net:[${run}]`, rxBytes: rx, txBytes: 0 };
          if (act === 'sample') await life.meter.sample();
          if (act === 'record') {
            await life.meter.sample();
            await life.meter.record();
          }
          if (act === 'restart') {
            // The last look before a container ends sees all of it here.
            await life.meter.sample();
            await life.meter.record();
            [run, lastRx, rx] = [run + 1, lastRx + rx, 0];
            state.net = { namespace: `net:[${run}]`, rxBytes: 0, txBytes: 0 };
            life.meter.watch(running(`run-${run}`));
          }
          if (act === 'torn') await appendFile(at.file, '{"records":[{"n":9');
          if (act === 'kill' || act === 'torn') {
            life = await begin(at);
            life.meter.watch(running(`run-${run}`));
          }
          if (act === 'send') {
            const some = await life.journal.toSend();
            for (const record of some?.records ?? []) {
              daemon.set(`${record.bootId} ${record.seq}`, record);
            }
            // The answer arrives every other time.
            if (some && some.id % 2 === 0) await life.journal.noted(some.id);
          }
        }
        await life.meter.sample();
        await life.meter.end(LEASE);
        for (const record of await all(life.journal)) {
          const known = daemon.get(`${record.bootId} ${record.seq}`);
          expect(known ?? record).toEqual(record);
          daemon.set(`${record.bootId} ${record.seq}`, record);
        }
        const sum = summed([...daemon.values()]);
        expect(sum.cpuMicros).toBe(state.cpuMicros);
        expect(sum.rxBytes).toBe(lastRx + rx);
      }),
      { numRuns: 100 },
    );
  });
});

function recordOf(n: number): UsageRecordFrame {
  return {
    lease: LEASE,
    bootId: 'boot-1',
    seq: n,
    from: new Date(n * 1_000).toISOString(),
    to: new Date(n * 1_000 + 1_000).toISOString(),
    cpuMicros: n,
    memoryMibSeconds: 1,
    rxBytes: 1,
    txBytes: 1,
  };
}

function many(from: number, count: number) {
  return Array.from({ length: count }, (_, i) => recordOf(from + i));
}

describe('the file of usage', () => {
  it('does not grow without end, and loses nothing for that', async () => {
    await using at = await disk();
    const journal = await at.open();
    await journal.append(many(1, 300), []);
    const sent = await journal.toSend();
    await journal.append(many(301, 21_000), []);
    await journal.append(many(21_301, 1), []);

    expect(journal.size).toBeLessThan(12_000);
    const again = await (await at.open()).toSend();
    expect(again).toEqual(sent);
    const total = (21_301 * 21_302) / 2;
    expect(summed(await all(journal)).cpuMicros).toBe(total);
  });

  it('that was cut short at its end has lost what was never sent', async () => {
    await using at = await disk();
    const journal = await at.open();
    await journal.append(many(1, 1), []);
    await journal.append(many(2, 1), []);
    const text = await readFile(at.file, 'utf8');
    await truncate(at.file, text.length - 5);

    const damaged: string[] = [];
    const next = await at.open((file) => damaged.push(file));

    expect((await all(next)).map(({ seq }) => seq)).toEqual([1]);
    expect(damaged).toEqual([]);
  });
});
