import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { LogRequest, LogSink } from '../../../src/daemon/agents/log-requests.js';

import { LogRouter } from '../../../src/daemon/agents/log-router.js';

const MINUTE_MS = 60_000;

/** Begins to read the log of a node that says nothing, and answers what comes of it, and how to let it speak. */
async function reading(request: LogRequest) {
  let sink: LogSink | undefined;
  const router = new LogRouter({
    session: () => Promise.resolve({ nodeId: 'n', sessionId: 's', daemonId: 'd' }),
    daemonId: 'd',
    here: (_session, _id, _request, given) => {
      sink = given;
      return () => undefined;
    },
    elsewhere: () => () => undefined,
  });
  const entries = await router.read('n', request, new AbortController().signal);
  const first = entries[Symbol.asyncIterator]()
    .next()
    .then(
      ({ value }) => value,
      (error: unknown) => error,
    );
  return { first, say: (line: string) => sink?.lines([line], 0) };
}

// Goal: whoever reads a log neither waits in vain nor is sent away from a machine that has nothing to say.
describe('reading the log of a node that is silent', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('ends when it does not answer', async () => {
    const { first } = await reading({ unit: 'agent', lines: 10, follow: true });

    await vi.advanceTimersByTimeAsync(MINUTE_MS);

    expect(await first).toMatchObject({ code: 'TIMED_OUT' });
  });

  it('goes on when only what is new was asked for', async () => {
    const { first, say } = await reading({ unit: 'agent', lines: 0, follow: true });

    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    say('at last');

    expect(await first).toEqual({ line: 'at last' });
  });
});
