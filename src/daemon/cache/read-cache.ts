/** Keeps answers as JSON text by a key that changes with what they were made of, so that there is nothing to invalidate. */
export interface ReadCache {
  /** What is kept under this key, or what `load` gives. A store that is away is a miss. */
  through(key: string, load: () => Promise<string>): Promise<string>;
}

/** Entries and characters that are kept at most; the least recently used make room. */
const MAX_ENTRIES = 1_000;
const MAX_CHARACTERS = 16 << 20;
const MAX_VALUE_CHARACTERS = 256 << 10;

/** Keeps in this process. Callers who ask for the same at once share one load. */
export function createMemoryCache(): ReadCache {
  const kept = new Map<string, string>();
  const loading = new Map<string, Promise<string>>();
  let characters = 0;
  const drop = (key: string) => {
    characters -= kept.get(key)?.length ?? 0;
    kept.delete(key);
  };
  const keep = (key: string, value: string) => {
    if (value.length > MAX_VALUE_CHARACTERS) return;
    drop(key);
    kept.set(key, value);
    characters += value.length;
    for (const oldest of kept.keys()) {
      if (kept.size <= MAX_ENTRIES && characters <= MAX_CHARACTERS) break;
      drop(oldest);
    }
  };
  return {
    async through(key, load) {
      const found = kept.get(key);
      if (found !== undefined) {
        kept.delete(key);
        kept.set(key, found);
        return found;
      }
      const running = loading.get(key);
      if (running) return running;
      const loaded = load().finally(() => loading.delete(key));
      loading.set(key, loaded);
      const value = await loaded;
      keep(key, value);
      return value;
    },
  };
}
