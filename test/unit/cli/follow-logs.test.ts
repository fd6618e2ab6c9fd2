import { once } from 'node:events';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { OperationInput } from '../../../src/contract/registry.js';

import { type HttpRequest, SyntropyClient } from '../../../src/client/client.js';
import { followLogs } from '../../../src/cli/follow-logs.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';
import { toProblem } from '../../../src/daemon/transports/rest/problem.js';

interface Written {
  readonly replica: number;
  readonly at: string;
  readonly text: string;
}

/** What becomes of one stream: how many of its lines come, and how it ends. */
interface Stream {
  readonly lines: number;
  readonly end: string | AppError | undefined;
  /** Replicas that cannot be read, told before all else. */
  readonly missing?: readonly number[];
}

const at = (second: number) => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000000000Z`;
const frame = (item: object, event = '') => `${event}data: ${JSON.stringify(item)}\n\n`;

/** A daemon that has these lines, and of which each stream goes as said; from the last one on, all is well. */
function daemon(log: readonly Written[], streams: readonly Stream[]) {
  const asked: URLSearchParams[] = [];
  const transport = async ({ path, signal }: HttpRequest) => {
    const query = new URL(path, 'http://daemon').searchParams;
    const stream = streams[asked.length] ?? { lines: Infinity, end: 'complete' };
    asked.push(query);
    const { lines, end, missing = [] } = stream;
    async function* chunks() {
      for (const replica of missing) yield frame({ replica, node: 'n', missing: 'It is away.' });
      const wanted = wantedOf(log, query).filter(({ replica }) => !missing.includes(replica));
      for (const { replica, ...line } of wanted.slice(0, lines)) {
        yield frame({ replica, node: 'n', lines: [{ stream: 'stdout', ...line }] });
      }
      if (end instanceof AppError) {
        yield frame({ reason: 'error', error: toProblem(end, 'r') }, 'event: end\n');
      } else if (end !== undefined) yield frame({ reason: end }, 'event: end\n');
      else if (missing.length > 0 && signal) await once(signal, 'abort');
    }
    return { status: 200, headers: {}, text: () => Promise.resolve(''), chunks: chunks() };
  };
  return { client: new SyntropyClient({ transport }), asked };
}

function wantedOf(log: readonly Written[], query: URLSearchParams): readonly Written[] {
  const since = query.get('since') ?? '';
  const tail = query.get('tail');
  const from = log.filter((line) => line.at >= since);
  if (tail === null) return from;
  return from.filter((line, n) => {
    const later = from.slice(n + 1).filter(({ replica }) => replica === line.replica);
    return later.length < Number(tail);
  });
}

/** All that is told until it ends, or the failure that it ends with. */
async function followed(
  { client }: ReturnType<typeof daemon>,
  input: Partial<OperationInput<'containers.logs'>> = {},
) {
  const texts: string[] = [];
  const missing: number[] = [];
  let failure: unknown;
  const done = { isOver: false };
  const read = async () => {
    try {
      const items = followLogs(client, { container: 'web', follow: true, ...input }, 3);
      for await (const item of items) {
        if ('missing' in item) missing.push(item.replica);
        else texts.push(...item.lines.map(({ text }) => text));
      }
    } catch (error) {
      failure = error;
    }
    done.isOver = true;
  };
  void read();
  for (let n = 0; n < 1_000 && !done.isOver; n += 1) await vi.advanceTimersByTimeAsync(250);
  return { texts, missing, failure, isOver: done.isOver };
}

const of = (log: readonly Written[], replica: number) =>
  log.filter((line) => line.replica === replica).map(({ text }) => text);

/** Lines of three replicas, in the order of time, many of them in the same moment. */
const logs = fc
  .array(fc.record({ replica: fc.integer({ min: 1, max: 3 }), second: fc.nat(9) }), {
    maxLength: 30,
  })
  .map((lines) =>
    lines
      .toSorted((a, b) => a.second - b.second)
      .map(({ replica, second }, n) => ({ replica, at: at(second), text: `${replica} ${n}` })),
  );

const LOST = new AppError('NODE_OFFLINE', 'The connection to the node has ended.');

// Goal: who follows a log has all of it, whatever happens to the daemons in between.
describe('a log that is followed', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('loses nothing and tells nothing twice, wherever it breaks', async () => {
    const breaks = fc.array(
      fc.record({
        lines: fc.nat(12),
        end: fc.constantFrom<Stream['end']>('stopping', 'slow_reader', undefined),
      }),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(logs, breaks, async (log, streams) => {
        const { texts, isOver, failure } = await followed(daemon(log, streams));

        expect([isOver, failure]).toEqual([true, undefined]);
        for (const replica of [1, 2, 3]) {
          expect(texts.filter((text) => text.startsWith(`${replica} `))).toEqual(of(log, replica));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('goes on behind the last line where only the end was asked for', async () => {
    const log = [1, 2, 3, 4].map((n) => ({ replica: 1, at: at(n), text: `line ${n}` }));
    const grid = daemon(log, [{ lines: 1, end: 'stopping' }]);

    const { texts } = await followed(grid, { tail: 2 });

    expect(texts).toEqual(['line 3', 'line 4']);
    expect(grid.asked.map((query) => Object.fromEntries(query))).toEqual([
      { follow: 'true', tail: '2' },
      { follow: 'true', since: at(3) },
    ]);
  });

  it('waits for a node that comes back to its daemon, and not where it was never there', async () => {
    const log = [1, 2].map((n) => ({ replica: 1, at: at(n), text: `line ${n}` }));
    const away = { lines: 0, end: LOST };

    const back = await followed(daemon(log, [{ lines: 1, end: LOST }, away, away]));
    const never = await followed(daemon(log, [away]));

    expect([back.texts, back.failure]).toEqual([['line 1', 'line 2'], undefined]);
    expect(never.failure).toMatchObject({ code: 'NODE_OFFLINE' });
  });

  it('looks again for a replica that is missing, says so once, and reads the others meanwhile', async () => {
    const log = [1, 2, 3].map((n) => ({ replica: n, at: at(n), text: `line ${n}` }));
    const gone = { lines: Infinity, end: undefined, missing: [2] };

    const { texts, missing } = await followed(daemon(log, [gone, gone, gone]));

    expect([texts, missing]).toEqual([['line 1', 'line 3', 'line 2'], [2]]);
  });

  it('fails where nobody answers for a minute', async () => {
    const log = [{ replica: 1, at: at(1), text: 'line' }];
    const streams = Array.from({ length: 100 }, () => ({ lines: 1, end: 'stopping' }));

    const { texts, failure } = await followed(daemon(log, streams));

    expect(texts).toEqual(['line']);
    expect(failure).toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  });

  it('fails at once where it may be read no more', async () => {
    const ended = new AppError('SESSION_ENDED', 'Over.');
    const grid = daemon([{ replica: 1, at: at(1), text: 'line' }], [{ lines: 1, end: ended }]);

    expect((await followed(grid)).failure).toMatchObject({ code: 'SESSION_ENDED' });
    expect(grid.asked).toHaveLength(1);
  });
});
