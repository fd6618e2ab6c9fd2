import { randomUUID } from 'node:crypto';

import type { Redis } from 'ioredis';

import type { RedisLink } from './link.js';

/** What an event's type looks like. Anything else on the channel is not from us, and says only that something happened. */
const TYPE = /^[a-z][a-z.-]{0,99}$/;

/** Tells the other replicas that something has happened. Messages may be lost: whoever is woken looks, and looks besides. */
export class RedisWakeUps {
  readonly #link: RedisLink;
  readonly #channel: string;
  readonly #subscriber: Redis;
  readonly #self = randomUUID();
  readonly #listeners = new Set<(type: string | undefined) => void>();

  /** @param subscriber a connection of its own: one that subscribes does nothing else. */
  constructor(link: RedisLink, subscriber: Redis, namespace: string) {
    this.#link = link;
    this.#channel = `${namespace}:wake`;
    this.#subscriber = subscriber;
    // The link's own connection tells why a server is away.
    subscriber.on('error', () => undefined);
    subscriber.on('message', (_channel: string, message: string) => this.#onMessage(message));
    subscriber.on('ready', () => void this.#subscribe());
  }

  /** Wakes every other replica that is there, and not this one. */
  async publish(type: string): Promise<void> {
    await this.#link.ask((redis) => redis.publish(this.#channel, `${this.#self} ${type}`));
  }

  /** Called with the type of what has happened elsewhere; without one, when messages may have been lost. */
  onWake(listener: (type: string | undefined) => void): void {
    this.#listeners.add(listener);
  }

  close(): void {
    this.#listeners.clear();
    this.#subscriber.disconnect();
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#subscriber.subscribe(this.#channel);
    } catch {
      // Without the right to subscribe, or with the connection gone again, there is LISTEN/NOTIFY.
      return;
    }
    this.#wake(undefined);
  }

  #onMessage(message: string): void {
    const [sender, type = ''] = message.split(' ');
    if (sender !== this.#self) this.#wake(TYPE.test(type) ? type : undefined);
  }

  #wake(type: string | undefined): void {
    for (const listener of this.#listeners) listener(type);
  }
}
