import { createHash } from 'node:crypto';

import type { RedisLink } from './link.js';

/** Larger ones take longer to fetch than to make. */
const MAX_TEXT_BYTES = 64 << 10;
/** Short, so that what nobody asks for any more takes no room. */
const KEEP_MS = 5_000;

/** Texts that replicas made for each other. */
export class RedisTexts {
  readonly #link: RedisLink;
  readonly #prefix: string;

  constructor(link: RedisLink, namespace: string) {
    this.#link = link;
    this.#prefix = `${namespace}:text:`;
  }

  /** Undefined also when the server is away. */
  async get(key: string): Promise<string | undefined> {
    const text = await this.#link.ask((redis) => redis.get(this.#nameOf(key)));
    return text ?? undefined;
  }

  /** Keeps it, if the server is there and it is not too large. */
  async set(key: string, text: string): Promise<void> {
    if (Buffer.byteLength(text) > MAX_TEXT_BYTES) return;
    await this.#link.ask((redis) => redis.set(this.#nameOf(key), text, 'PX', KEEP_MS));
  }

  /** As long for every key: a key holds what a caller asked for. */
  #nameOf(key: string): string {
    return this.#prefix + createHash('sha256').update(key).digest('base64url');
  }
}
