import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ExecInput } from '../../../src/cli/exec-input.js';
import { type HttpRequest, SyntropyClient } from '../../../src/client/client.js';
import { AppError } from '../../../src/core/types/errors/app-error.js';
import { toProblem } from '../../../src/daemon/transports/rest/problem.js';

const MINUTE_MS = 60_000;

/** What a daemon says to a write: that it is taken, that it is not yet, or no. */
type Said = object | AppError;

/** A command that is written to through a daemon that answers each write so, and from the last one on always the same. */
function written(...answers: readonly [Said, ...Said[]]) {
  const seen: string[] = [];
  const failures: unknown[] = [];
  const transport = async ({ body = '' }: HttpRequest) => {
    const said = answers[Math.min(seen.length, answers.length - 1)];
    const { seq, base64 } = JSON.parse(body);
    seen.push(`${seq} ${Buffer.from(base64, 'base64').toString()}`);
    const isError = said instanceof AppError;
    const text = JSON.stringify(isError ? toProblem(said, 'request') : said);
    const status = isError ? 500 : 200;
    return { status, headers: {}, text: () => Promise.resolve(text), chunks: none() };
  };
  const input = new ExecInput(new SyntropyClient({ transport }), 'session', {
    pause: () => undefined,
    resume: () => undefined,
    fail: (error) => void failures.push(error),
  });
  return { input, seen, failures };
}

async function* none() {
  // These answers are read at once.
}

const times = (count: number, said: Said) => Array.from({ length: count }, () => said);

// Goal: what is written to a command gets there, however long the command, the daemon or the network takes.
describe('what is written to a command', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('waits for a command that reads nothing for many minutes', async () => {
    const { input, seen, failures } = written({ pending: true });
    input.write(Buffer.from('dump'));

    await vi.advanceTimersByTimeAsync(20 * MINUTE_MS);
    const before = seen.length;
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    input.stop();

    expect(failures).toEqual([]);
    expect(seen.length).toBeGreaterThan(before);
    expect(new Set(seen)).toEqual(new Set(['1 dump']));
  });

  it('is written again under its number where no answer came, and goes on', async () => {
    const silence = new AppError('TIMED_OUT', 'No answer.');
    const { input, seen, failures } = written(...([silence, silence, {}] as const));
    input.write(Buffer.from('a'));
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    input.write(Buffer.from('b'));
    await vi.advanceTimersByTimeAsync(MINUTE_MS);

    expect([seen, failures]).toEqual([['1 a', '1 a', '1 a', '2 b'], []]);
  });

  it('waits as long as it is told where it was too much', async () => {
    const limited = new AppError('RATE_LIMITED', 'Too much.', { retryAfterSeconds: 40 });
    const { input, seen, failures } = written(limited, ...times(2, limited), {});
    input.write(Buffer.from('dump'));

    await vi.advanceTimersByTimeAsync(39_000);
    expect(seen).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2 * MINUTE_MS);

    expect(seen).toEqual(['1 dump', '1 dump', '1 dump', '1 dump']);
    expect(failures).toEqual([]);
  });

  it('keeps nobody waiting when the command ends meanwhile', async () => {
    const limited = new AppError('RATE_LIMITED', 'Too much.', { retryAfterSeconds: 60 });
    const { input, seen } = written(limited);
    input.write(Buffer.from('dump'));
    await vi.advanceTimersByTimeAsync(1_000);

    input.stop();
    await vi.advanceTimersByTimeAsync(1);

    expect([vi.getTimerCount(), seen]).toEqual([0, ['1 dump']]);
  });

  it('fails where the daemon is gone for good', async () => {
    const { input, failures } = written(new AppError('DAEMON_UNREACHABLE', 'Gone.'));
    input.write(Buffer.from('a'));

    await vi.advanceTimersByTimeAsync(MINUTE_MS);

    expect(failures).toMatchObject([{ code: 'DAEMON_UNREACHABLE' }]);
  });
});
