import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';

import { sendEvents } from '../../../src/daemon/transports/rest/sse.js';
import { waitFor } from '../../support/wait-for.js';

const ITEMS = 400;
/** All of them together are more than the sockets between the two sides hold. */
const ITEM = { text: 'x'.repeat(64 << 10) };

/** A server that sends so many items, and how far it has come for whom. */
async function sender() {
  const pulled = new Map<string, number>();
  /** Who has been told the end. */
  const ended = new Set<string>();
  const stopping = new AbortController();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://here');
    async function* items() {
      for (let n = 1; n <= ITEMS; n += 1) {
        pulled.set(url.pathname, n);
        yield { ...ITEM };
      }
    }
    void sendEvents(response, items(), {
      headers: {},
      requestId: 'request',
      stillMay: () => Promise.resolve(),
      stallMs: Number(url.searchParams.get('stall')),
      stopping: stopping.signal,
    }).then(() => ended.add(url.pathname));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    pulled,
    ended,
    stopping,
    /** Somebody who asks, and takes nothing yet. */
    reader: async (path: string) => {
      const [response] = await once(get({ port, path, agent: false }), 'response');
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a request answers with
      return response as IncomingMessage;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The reason of the end, and how many items came before. */
async function rest(response: IncomingMessage) {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  const blocks = text.split('\n\n');
  const end = blocks.find((block) => block.startsWith('event: end'))?.split('data: ')[1];
  const { reason } = JSON.parse(end ?? '{}');
  return { reason, items: blocks.filter((block) => block.startsWith('data: ')).length };
}

// Goal: who reads slowly costs a bounded amount, and loses nothing where its source waits for it.
describe('a stream whose reader takes nothing', () => {
  it('is cut after its time, and one that sets its own pace is waited for', async () => {
    await using world = await sender();
    const slow = await world.reader('/cut?stall=50');
    const paced = await world.reader('/paced?stall=60000');

    await waitFor('it to be cut', () => world.ended.has('/cut'));
    const cut = await rest(slow);
    const waited = world.pulled.get('/paced') ?? 0;
    const whole = await rest(paced);

    expect(cut.reason).toBe('slow_reader');
    expect(waited).toBeLessThan(ITEMS);
    expect(whole).toEqual({ reason: 'complete', items: ITEMS });
  });

  it('ends at once when the daemon stops', async () => {
    await using world = await sender();
    const paced = await world.reader('/paced?stall=60000');
    await world.reader('/cut?stall=50');
    // By then the other has filled its line, too.
    await waitFor('one to be cut', () => world.ended.has('/cut'));

    world.stopping.abort();

    expect((await rest(paced)).reason).toBe('stopping');
  });
});
