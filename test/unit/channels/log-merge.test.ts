import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { LogMerge, type LogLine } from '../../../src/daemon/channels/log-merge.js';
import { logTime } from '../../../src/core/utils/log-time.js';

/** A log that a test lets arrive. */
class Source {
  readonly name: string;
  readonly #batches: (readonly LogLine[])[] = [];
  isCaughtUp = false;

  constructor(name: string) {
    this.name = name;
  }

  arrive(lines: readonly LogLine[]): void {
    this.#batches.push(lines);
  }

  take() {
    return this.#batches.shift();
  }
}

const line = (ms: number, text = ''): LogLine => ({
  at: `2026-01-02T03:04:05.${String(ms).padStart(3, '0')}000000Z`,
  stream: 'stdout',
  text,
});

function told(merge: LogMerge<Source>) {
  const lines: LogLine[] = [];
  for (let next = merge.next(); next; next = merge.next()) lines.push(...next.lines);
  return lines;
}

const texts = (lines: readonly LogLine[]) => lines.map(({ text }) => text);

/** For each log the times of its lines, and where its batches end. */
const logs = fc.array(
  fc.array(fc.array(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 5 }), {
    maxLength: 6,
  }),
  { minLength: 1, maxLength: 5 },
);

// Goal: the logs of several replicas read like one, in the order in which things happened.
describe('logs that are merged', () => {
  it('lose nothing and keep the order of each, whatever their times, and however they arrive', () => {
    fc.assert(
      fc.property(logs, fc.infiniteStream(fc.nat()), (batches, order) => {
        const sources = batches.map((_, n) => new Source(`${n}`));
        const merge = new LogMerge(sources);
        const waiting = batches.map((log, n) =>
          log.map((times, at) => times.map((ms, k) => line(ms, `${n} ${at} ${k}`))),
        );
        const wanted = waiting.map((log) => texts(log.flat()));
        const seen: LogLine[] = [];
        for (const at of order) {
          const left = waiting.flatMap((log, n) => (log.length > 0 ? [n] : []));
          const n = left[at % left.length];
          if (n === undefined) break;
          sources[n]?.arrive(waiting[n]?.shift() ?? []);
          seen.push(...told(merge));
        }
        for (const source of sources) source.isCaughtUp = true;
        seen.push(...told(merge));

        const of = (n: number) => texts(seen).filter((text) => text.startsWith(`${n} `));
        expect(wanted.map((_, n) => of(n))).toEqual(wanted);
      }),
    );
  });

  it('are in the order of time where each of them is', () => {
    fc.assert(
      fc.property(logs, (batches) => {
        const sources = batches.map((_, n) => new Source(`${n}`));
        const merge = new LogMerge(sources);
        const seen: LogLine[] = [];
        for (const [n, log] of batches.entries()) {
          const times = log.flat().toSorted((a, b) => a - b);
          if (times.length > 0) sources[n]?.arrive(times.map((ms) => line(ms)));
          seen.push(...told(merge));
        }
        for (const source of sources) source.isCaughtUp = true;
        seen.push(...told(merge));

        expect(seen.map(({ at }) => at)).toEqual(seen.map(({ at }) => at).toSorted());
        expect(seen).toHaveLength(batches.flat(2).length);
      }),
    );
  });

  it('wait for one of which older lines may come, and for none that has caught up', () => {
    const [a, b] = [new Source('a'), new Source('b')];
    const merge = new LogMerge([a, b]);
    a.arrive([line(2, 'a2'), line(4, 'a4')]);

    expect(texts(told(merge))).toEqual([]);
    b.arrive([line(1, 'b1'), line(3, 'b3')]);
    expect(texts(told(merge))).toEqual(['b1', 'a2', 'b3']);
    b.isCaughtUp = true;
    expect(texts(told(merge))).toEqual(['a4']);
    a.isCaughtUp = true;
    b.arrive([line(9, 'b9')]);
    expect(texts(told(merge))).toEqual(['b9']);
    a.arrive([line(8, 'a8')]);
    expect(texts(told(merge))).toEqual(['a8']);
  });

  it('are compared by their times, and not by how an engine writes them', () => {
    const times = [
      '2026-01-02T03:04:05Z',
      '2026-01-02T04:04:05.5+01:00',
      '2026-01-02T03:04:05.500000001Z',
    ];

    expect(times.map(logTime)).toEqual([
      '2026-01-02T03:04:05.000000000Z',
      '2026-01-02T03:04:05.500000000Z',
      '2026-01-02T03:04:05.500000001Z',
    ]);
  });
});
