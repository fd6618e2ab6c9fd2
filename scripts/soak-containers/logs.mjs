// The numbered lines of the control containers, read at the end and followed all the time.
import { setTimeout as pause } from 'node:timers/promises';

import { becomes } from '../soak-agents/waiting.mjs';

const RETRY_MS = 200;
const CATCH_UP_MS = 60_000;
const TRIES = 50;

/** Numbers from 1 on, one a line. */
export const NUMBERS = "trap 'exit 0' TERM; n=0; while :; do n=$((n+1)); echo $n; sleep 0.1; done";

/** Follows one from its first line on. When it is cut off it reads anew from where it was: from the time of its last line, which comes again. */
export function startReader({ daemon }, name) {
  const over = new AbortController();
  const numbers = [];
  let last;
  let cuts = 0;
  const take = ({ at, text }) => {
    if (last !== undefined && nanosOf(at) <= nanosOf(last)) return;
    last = at;
    numbers.push(Number(text));
  };
  const work = (async () => {
    while (!over.signal.aborted) {
      try {
        const input = {
          container: name,
          follow: true,
          ...(last === undefined ? {} : { since: last }),
        };
        for await (const { lines = [] } of daemon.client.stream('containers.logs', input, {
          signal: over.signal,
        })) {
          for (const line of lines) take(line);
        }
      } catch {
        // Whatever it was, it is read anew.
      }
      if (over.signal.aborted) return;
      cuts += 1;
      await pause(RETRY_MS);
    }
  })();
  return {
    name,
    numbers,
    get cuts() {
      return cuts;
    },
    async end() {
      over.abort();
      await work;
    },
  };
}

/** Whether every number is there once, in order, for whoever reads all of it now and for whoever has followed. */
export async function judgeLogs({ daemon, controls, require }, readers) {
  const counts = [];
  for (const { name } of controls) {
    const all = await readAll(daemon, name);
    judge(all, `the log of ${name}`, require);
    counts.push(all.length);
    const reader = readers.find((one) => one.name === name);
    if (!reader) continue;
    const isThere = await becomes(() => reader.numbers.length >= all.length, CATCH_UP_MS);
    require(isThere, `who follows ${name} has ${reader.numbers.length} of ${all.length} lines`);
    judge(reader.numbers, `the followed log of ${name}`, require);
  }
  return counts;
}

async function readAll(daemon, name) {
  let failure;
  for (let n = 0; n < TRIES; n += 1) {
    try {
      const numbers = [];
      for await (const { lines = [] } of daemon.client.stream('containers.logs', {
        container: name,
      })) {
        for (const { text } of lines) numbers.push(Number(text));
      }
      return numbers;
    } catch (error) {
      failure = error;
      await pause(RETRY_MS);
    }
  }
  throw failure;
}

function judge(numbers, what, require) {
  const wrong = numbers.flatMap((number, n) =>
    number === (numbers[n - 1] ?? 0) + 1 ? [] : [`${number} after ${numbers[n - 1]}`],
  );
  require(wrong.length ===
    0, `${what} has ${wrong.slice(0, 5).join(', ')} (of ${numbers.length} lines)`);
}

/** A time with all its digits, as a text that can be compared. */
function nanosOf(at) {
  const [, seconds, fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(at) ?? [at, at];
  return `${seconds}.${fraction.padEnd(9, '0')}`;
}
