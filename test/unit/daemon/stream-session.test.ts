import { afterEach, describe, expect, it, vi } from 'vitest';
import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { pino } from 'pino';

import { AppError } from '../../../src/core/types/errors/app-error.js';
import { createRestServer } from '../../../src/daemon/transports/rest/server.js';
import { type Subject, anonymous } from '../../../src/daemon/subject.js';
import { waitFor } from '../../support/wait-for.js';

const PERMISSIONS = new Set(['nodes:read', 'containers:read'] as const);

const withoutRights: Subject = { ...anonymous, via: 'session' };

async function* silence(signal: AbortSignal) {
  yield { replica: 1, node: 'n', lines: [] };
  await once(signal, 'abort');
}

/** A daemon with one stream that never says anything, read by whoever `subject` is. */
async function streaming(subject: Partial<Subject>) {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const who: Subject = { ...anonymous, permissions: PERMISSIONS, ...subject };
  const seen: { asked: number; now: () => Promise<Subject> } = {
    asked: 0,
    now: () => Promise.resolve(who),
  };
  const server = createRestServer({
    dispatch: (_id, _input, { signal }) => Promise.resolve(silence(signal)),
    entrance: {
      admit: () => undefined,
      identify: () => who,
      again: () => {
        seen.asked += 1;
        return seen.now();
      },
      allowedOrigin: () => undefined,
    },
    log: pino({ level: 'silent' }),
    sourceOf: () => 'here',
    maxConnections: 10,
    stopping: new AbortController().signal,
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const address = server.server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const [response] = await once(
    get({ port, path: '/v1/containers/web/logs', agent: false }),
    'response',
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a request answers with
  const incoming = response as IncomingMessage;
  let text = '';
  incoming.setEncoding('utf8').on('data', (more: string) => (text += more));
  await waitFor('the stream to have begun', () => text.includes('data: '));
  return {
    seen,
    /** Time goes on by a heartbeat, and whatever follows of it. */
    beat: async () => {
      const before = text.split(': heartbeat').length;
      vi.advanceTimersByTime(15_000);
      await waitFor('it', () => text.split(': heartbeat').length > before || incoming.complete);
    },
    /** The last word, when there is one. */
    end: () =>
      waitFor('the end', () => incoming.complete).then(() => {
        const last = text.split('event: end\ndata: ')[1];
        return JSON.parse(last ?? '{}');
      }),
    isOpen: () => !incoming.complete,
    async [Symbol.asyncDispose]() {
      incoming.destroy();
      await server.close();
    },
  };
}

// Goal: whoever is signed in reads on for as long as that lasts, and not a heartbeat longer.
describe('a stream', () => {
  afterEach(() => void vi.useRealTimers());

  it('of a session outlives the access token that it was asked for with', async () => {
    await using stream = await streaming({
      via: 'session',
      sessionId: 's',
      expiresAt: new Date(Date.now() - 1),
    });

    for (let n = 1; n <= 3; n += 1) await stream.beat();

    expect([stream.isOpen(), stream.seen.asked]).toEqual([true, 3]);
  });

  it('of an access token ends with it', async () => {
    await using stream = await streaming({ via: 'token', expiresAt: new Date(Date.now() + 50) });

    expect(await stream.end()).toEqual({ reason: 'token_expired' });
  });

  it.each([
    ['the session ends', () => Promise.reject(new AppError('SESSION_ENDED', 'Over.'))],
    ['the right to it is taken away', () => Promise.resolve(withoutRights)],
  ])('ends when %s', async (_, now) => {
    await using stream = await streaming({ via: 'session', sessionId: 's' });
    await stream.beat();

    stream.seen.now = now;
    await stream.beat();

    const { reason, error } = await stream.end();
    expect([reason, error.code]).toEqual([
      'error',
      expect.stringMatching(/^(SESSION_ENDED|PERMISSION_DENIED)$/),
    ]);
  });

  it('goes on where nobody can say whether it may', async () => {
    await using stream = await streaming({ via: 'session', sessionId: 's' });

    stream.seen.now = () => Promise.reject(new AppError('DATABASE_UNAVAILABLE', 'Away.'));
    for (let n = 1; n <= 3; n += 1) await stream.beat();

    expect([stream.isOpen(), stream.seen.asked]).toEqual([true, 3]);
  });
});
