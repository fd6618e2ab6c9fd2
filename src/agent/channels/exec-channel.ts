import type {
  ContainerRuntime,
  ExecRequest,
  ExecSession,
} from '../../core/services/container/runtime.ports.js';
import type { Feed } from '../../contract/agent/channel.js';
import type { Outlet } from './outlet.js';

import { MAX_AHEAD } from '../../contract/agent/channel.js';
import { AppError } from '../../core/types/errors/app-error.js';

export interface ExecPlace {
  readonly runtime: Pick<ContainerRuntime, 'exec'>;
  readonly containerId: string;
}

/** A command that runs in a replica: what it says goes out as fast as it is read, what it is fed goes in one after the other. */
export class ExecChannel {
  readonly #outlet: Outlet;
  readonly #session: Promise<ExecSession>;
  #feeding: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor({ runtime, containerId }: ExecPlace, wanted: ExecRequest, outlet: Outlet) {
    this.#outlet = outlet;
    this.#session = runtime.exec(containerId, wanted);
    const close = () =>
      void this.#session.then((session) => session.close()).catch(() => undefined);
    outlet.signal.addEventListener('abort', close, { once: true });
    // What it fails with is told by `run`.
    this.#session.catch(() => undefined);
  }

  /** Until the command has ended. @throws {AppError} as `ContainerRuntime.exec`. */
  async run(): Promise<{ readonly exitCode: number }> {
    const session = await this.#session;
    try {
      // It may say nothing for hours: whoever waits is told that it runs.
      await this.#outlet.send({ live: true });
      for await (const { stream, bytes } of session.output) {
        if (!(await this.#say(stream, bytes))) break;
      }
      return { exitCode: await session.exitCode() };
    } finally {
      session.close();
    }
  }

  /** @throws {AppError} LIMIT_REACHED, of a daemon that does not wait until there is room. */
  feed(feed: Feed): void {
    if (this.#waiting >= MAX_AHEAD) {
      throw new AppError('LIMIT_REACHED', 'More was fed than there is room for.');
    }
    this.#waiting += 1;
    this.#feeding = this.#fed(this.#feeding, feed);
  }

  async #fed(before: Promise<void>, { base64, end, size }: Feed): Promise<void> {
    await before;
    try {
      const session = await this.#session;
      if (size) await session.resize(size);
      if (base64 !== undefined) await session.write(Buffer.from(base64, 'base64'));
      if (end) session.end();
    } catch {
      // A command that has ended takes nothing any more, and says so with its exit code.
    }
    this.#waiting -= 1;
    this.#outlet.sendNow({ taken: 1 });
  }

  async #say(stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<boolean> {
    const { limit } = this.#outlet;
    for (let at = 0; at < bytes.length; at += limit) {
      const part = bytes.subarray(at, at + limit);
      const base64 = Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('base64');
      if (!(await this.#outlet.send({ stream, base64 }))) return false;
    }
    return true;
  }
}
