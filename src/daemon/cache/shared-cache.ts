import type { ReadCache } from './read-cache.js';

/** Texts that replicas made for each other. Implemented by core/storage/redis/texts.ts; away, it has none. */
export interface TextStore {
  get(key: string): Promise<string | undefined>;
  set(key: string, text: string): Promise<void>;
}

/** Looks in this process first, then at what the other replicas made, and makes it last. */
export function createSharedCache(store: TextStore, local: ReadCache): ReadCache {
  return {
    through: (key, load) =>
      local.through(key, async () => {
        const found = await store.get(key);
        if (found !== undefined) return found;
        const made = await load();
        // Nobody waits until it is kept; a store that does not take it costs a load.
        void store.set(key, made);
        return made;
      }),
  };
}
