import type { OperationInput } from '../contract/registry.js';

import { LogCursor } from '../core/utils/log-cursor.js';
import { logTime } from '../core/utils/log-time.js';

type Asked = OperationInput<'containers.logs'>;

/** Of which replica a line is. One that was moved writes another log, by another clock. */
interface Place {
  readonly replica: number;
  readonly node: string;
}

/** How far the log of each replica has been read, and what is to be asked for to go on from there. */
export class LogPositions {
  readonly #asked: Asked;
  readonly #replicas: number;
  readonly #begunAt = new Date().toISOString();
  readonly #cursors = new Map<string, LogCursor>();

  constructor(asked: Asked, replicas: number) {
    this.#asked = asked;
    this.#replicas = replicas;
  }

  /** As it was asked at first, until a line has come; then from where the one that is furthest behind was left. */
  next(): Asked {
    const { tail, since, ...rest } = this.#asked;
    const read = [...this.#cursors.values()].flatMap(({ at }) => (at === undefined ? [] : [at]));
    if (read.length === 0) return this.#asked;
    const heard = new Set([...this.#cursors.keys()].map((key) => key.split(' ')[0]));
    // One that has said nothing yet is read from its beginning; where only the end was wanted, from our own.
    if (heard.size < this.#replicas) {
      const begun = tail === undefined ? undefined : logTime(this.#begunAt);
      const from = latest(since === undefined ? undefined : logTime(since), begun);
      if (from === undefined) return rest;
      read.push(from);
    }
    const [first] = read.toSorted();
    return { ...rest, ...(first === undefined ? {} : { since: first }) };
  }

  /** For one stream of what `next` asks for: says of each line whether it is a new one. */
  reading(): (place: Place, line: { readonly at: string }) => boolean {
    const readings = new Map<string, ReturnType<LogCursor['reading']>>();
    return ({ replica, node }, line) => {
      const key = `${replica} ${node}`;
      let isNew = readings.get(key);
      if (!isNew) {
        const cursor = this.#cursors.get(key) ?? new LogCursor();
        this.#cursors.set(key, cursor);
        readings.set(key, (isNew = cursor.reading()));
      }
      return isNew(line);
    };
  }
}

function latest(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}
