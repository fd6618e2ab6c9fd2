// Looks at the engine all the time: what is there twice for a moment is found in no end result.
import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 40;
/** An update has both the old and the new one for as long as the new one has to prove itself, and no longer while there is an agent to end it. */
const HAND_OVER_MS = 25_000;

/** @param world - with `isWhole()`: whether nothing of it has just been killed. */
export function startWatch(world) {
  const { view, counters, require } = world;
  const over = new AbortController();
  const told = new Set();
  const pairs = new Map();
  /** The last that the kernel had counted of each lease, also when it is gone. */
  const used = new Map();
  let looks = 0;
  const break_ = (key, what) => {
    if (told.has(key)) return;
    told.add(key);
    require(false, what);
  };
  const judge = (listed) => {
    const running = listed.filter(({ state }) => state === 'running');
    for (const [lease, some] of Map.groupBy(running, (one) => one.lease)) {
      const hashes = new Set(some.map(({ specHash }) => specHash));
      if (hashes.size < some.length) {
        break_(
          `same ${lease} ${[...hashes].join(' ')}`,
          `lease ${lease} runs ${some.length} containers of one spec`,
        );
      }
      if (some.length > 2) break_(`many ${lease}`, `lease ${lease} runs ${some.length} containers`);
      if (some.length < 2) pairs.delete(lease);
      else judgePair(lease, some);
    }
    for (const lease of pairs.keys()) {
      if (!running.some((one) => one.lease === lease)) pairs.delete(lease);
    }
  };
  const judgePair = (lease, some) => {
    const ids = some
      .map(({ id }) => id)
      .toSorted()
      .join();
    const pair = pairs.get(lease);
    const now = performance.now();
    if (pair?.ids !== ids || !world.isWhole()) {
      pairs.set(lease, { ids, sinceMs: now });
      return;
    }
    if (now - pair.sinceMs > HAND_OVER_MS) {
      break_(`pair ${ids}`, `lease ${lease} has run two containers for ${HAND_OVER_MS / 1_000} s`);
    }
  };
  const work = (async () => {
    while (!over.signal.aborted) {
      for (const [lease, micros] of counters()) used.set(lease, micros);
      try {
        judge(await view.list());
        looks += 1;
      } catch {
        // It has just been killed, which others see to.
      }
      await pause(POLL_MS);
    }
  })();
  return {
    used,
    get looks() {
      return looks;
    },
    async end() {
      over.abort();
      await work;
    },
  };
}
