import type { FastifyInstance, FastifyReply } from 'fastify';

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { finished } from 'node:stream';

import {
  RELEASE_FILES_PATH,
  RELEASE_PLATFORM,
  RELEASE_VERSION,
  RELEASES_PATH,
} from '../../../contract/agent/release.js';
import { AppError } from '../../../core/types/errors/app-error.js';

/** Each may take a long time on a slow line, and holds a file and a connection for so long. */
const MAX_DOWNLOADS = 64;
/** Of one address: machines behind one router, but not whoever holds connections open. */
const MAX_DOWNLOADS_EACH = 8;
/** A machine that reads nothing for so long has gone, and one that has not read all by then is not on its way. */
const STALLED_MS = 60_000;
const LONGEST_MS = 3_600_000;
/** When to come again, where there are too many. */
const BUSY_SECONDS = 30;

export interface ServedReleases {
  manifest(version: string, platform: string): Promise<string>;
  packed(sha256: string): Promise<string>;
}

/**
 * The agent for machines that are yet to join: no operations, for what they answer is no document but a program, and who asks is nobody
 * yet. There is nothing secret in it. It passes the same door and the same limits as everything else.
 */
export function serveReleases(app: FastifyInstance, releases: ServedReleases): void {
  const slots = new Slots();
  // A HEAD would read a whole file to send nothing of it.
  const noHead = { exposeHeadRoute: false };
  app.get<{ Params: { version: string; platform: string } }>(
    `${RELEASES_PATH}/:version/:platform`,
    noHead,
    async ({ params: { version, platform } }, reply) => {
      if (!RELEASE_VERSION.test(version) || !RELEASE_PLATFORM.test(platform)) {
        throw new AppError('INPUT_INVALID', 'That is no version and platform of an agent.');
      }
      const manifest = await releases.manifest(version, platform);
      return reply
        .type('text/plain; charset=utf-8')
        .header('cache-control', 'no-store')
        .send(manifest);
    },
  );
  app.get<{ Params: { sha256: string } }>(
    `${RELEASE_FILES_PATH}/:sha256`,
    noHead,
    async ({ params: { sha256 }, source }, reply) => {
      if (!/^[0-9a-f]{64}$/.test(sha256)) {
        throw new AppError('INPUT_INVALID', 'That is no SHA-256 in hex.');
      }
      const release = slots.take(source);
      // Also when it has gone already.
      finished(reply.raw, release);
      return sendFile(reply, await releases.packed(sha256));
    },
  );
}

async function sendFile(reply: FastifyReply, file: string): Promise<FastifyReply> {
  const { size } = await stat(file);
  reply.raw.setTimeout(STALLED_MS, () => reply.raw.destroy());
  const deadline = setTimeout(() => reply.raw.destroy(), LONGEST_MS);
  finished(reply.raw, () => clearTimeout(deadline));
  return reply
    .type('application/gzip')
    .headers({ 'content-length': size, 'cache-control': 'public, max-age=31536000, immutable' })
    .send(createReadStream(file));
}

/** Downloads that run, by where they go. */
class Slots {
  readonly #bySource = new Map<string, number>();
  #taken = 0;

  /** Answers how to give it back. @throws {AppError} DAEMON_BUSY. */
  take(source: string): () => void {
    const own = this.#bySource.get(source) ?? 0;
    if (this.#taken >= MAX_DOWNLOADS || own >= MAX_DOWNLOADS_EACH) {
      throw new AppError(
        'DAEMON_BUSY',
        `Too many machines fetch the agent; come again in ${BUSY_SECONDS} s.`,
        { retryAfterSeconds: BUSY_SECONDS },
      );
    }
    this.#taken += 1;
    this.#bySource.set(source, own + 1);
    return () => {
      this.#taken -= 1;
      const left = (this.#bySource.get(source) ?? 1) - 1;
      if (left > 0) this.#bySource.set(source, left);
      else this.#bySource.delete(source);
    };
  }
}
