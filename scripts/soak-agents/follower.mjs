import { setTimeout as pause } from 'node:timers/promises';

import { PASSING } from './daemon.mjs';

const RETRY_MS = 50;
const GIVE_UP_MS = 60_000;

/** Follows every event from a cursor on, over every outage, each time after the last one that came. */
export function startFollower({ client }, from) {
  const seen = [];
  const abort = new AbortController();
  let cursor = from;
  let target;
  let outages = 0;
  let isOpen = false;
  const work = (async () => {
    while (!abort.signal.aborted) {
      try {
        const events = client.stream('events.follow', { after: cursor }, { signal: abort.signal });
        for await (const event of events) {
          isOpen = true;
          seen.push(event.cursor);
          cursor = event.cursor;
          if (target !== undefined && BigInt(cursor) >= target) return;
        }
      } catch (error) {
        if (!abort.signal.aborted && !PASSING.includes(error.code)) throw error;
      }
      if (isOpen) outages += 1;
      isOpen = false;
      await pause(RETRY_MS);
    }
  })();
  return {
    seen,
    /** Rejects when it is told what nobody has to expect. */
    work,
    /** How often it began anew after it had seen something. */
    get outages() {
      return outages;
    },
    /** Ends when it has seen the event with that cursor, or will not. */
    async until(latest) {
      target = BigInt(latest);
      // One that is there already gets no further event that would tell it.
      if (BigInt(cursor) >= target) abort.abort();
      const timer = setTimeout(() => abort.abort(), GIVE_UP_MS);
      await work;
      clearTimeout(timer);
    },
    end: () => abort.abort(),
  };
}
