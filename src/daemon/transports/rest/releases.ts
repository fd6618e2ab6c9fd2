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
/** A machine that reads nothing for so long has gone. */
const STALLED_MS = 60_000;

export interface ServedReleases {
  manifest(version: string, platform: string): Promise<string>;
  packed(sha256: string): Promise<string>;
}

/**
 * The agent for machines that are yet to join: no operations, for what they answer is no document but a program, and who asks is nobody
 * yet. There is nothing secret in it. It passes the same door and the same limits as everything else.
 */
export function serveReleases(app: FastifyInstance, releases: ServedReleases): void {
  let downloads = 0;
  app.get<{ Params: { version: string; platform: string } }>(
    `${RELEASES_PATH}/:version/:platform`,
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
    async ({ params: { sha256 } }, reply) => {
      if (!/^[0-9a-f]{64}$/.test(sha256)) {
        throw new AppError('INPUT_INVALID', 'That is no SHA-256 in hex.');
      }
      if (downloads >= MAX_DOWNLOADS) {
        throw new AppError('LIMIT_REACHED', `${MAX_DOWNLOADS} machines fetch the agent already.`);
      }
      downloads += 1;
      // Also when it has gone already.
      finished(reply.raw, () => {
        downloads -= 1;
      });
      return sendFile(reply, await releases.packed(sha256));
    },
  );
}

async function sendFile(reply: FastifyReply, file: string): Promise<FastifyReply> {
  const { size } = await stat(file);
  reply.raw.setTimeout(STALLED_MS, () => reply.raw.destroy());
  return reply
    .type('application/gzip')
    .headers({ 'content-length': size, 'cache-control': 'public, max-age=31536000, immutable' })
    .send(createReadStream(file));
}
