import { createHash } from 'node:crypto';
import { constants, type FileHandle, open } from 'node:fs/promises';

import type { ImageInspector, InspectRequest } from '../../../services/usb/usb.ports.js';
import type { ImageFacts, ImageFormat } from '../../../types/models/image.js';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';
import { filePieces } from './file-pieces.js';
import { findFatVolume, type ReadAt, readPartitions } from './fat-volume.js';
import { IDENTITY_LABEL, withoutIdentity } from './identity-label.js';
import { HEAD_BYTES, kindOf } from './magic.js';
import { SEED_BYTES, seedImage } from './seed-image.js';
import { statedSize } from './stated-size.js';
import { unpack } from './unpack.js';

/** A packed image is unpacked this far to look for its CIDATA partition: boot partitions come first. */
const PEEK_BYTES = 16 << 20;
const MAX_REMEMBERED = 32;

/** Looks into image files. Remembers checksums of unchanged files, so that a plan and its write hash once. */
export function createImageInspector(): ImageInspector {
  const hashes = new Map<string, string>();

  const sha256 = async (file: FileHandle, signal: AbortSignal | undefined): Promise<string> => {
    const { dev, ino, size, mtimeNs } = await file.stat({ bigint: true });
    const key = `${dev}:${ino}:${size}:${mtimeNs}`;
    const known = hashes.get(key);
    if (known !== undefined) return known;
    const hash = createHash('sha256');
    for await (const piece of filePieces(file, 0)) {
      signal?.throwIfAborted();
      hash.update(piece);
    }
    const digest = hash.digest('hex');
    if (hashes.size >= MAX_REMEMBERED) hashes.clear();
    hashes.set(key, digest);
    return digest;
  };

  return {
    async inspect(request) {
      if (request.source.kind === 'seed') return seedFacts(request);
      const { path } = request.source;
      const file = await openImage(path);
      try {
        const { facts, read } = await look(file, path);
        const digest =
          request.sha256 === undefined ? undefined : await sha256(file, request.signal);
        requireDigest(digest, request.sha256);
        if (request.needsCidata && !(await hasIdentityVolume(read, facts))) throw withoutIdentity();
        return digest === undefined ? facts : { ...facts, sha256: digest };
      } finally {
        await file.close();
      }
    },
  };
}

async function openImage(path: string): Promise<FileHandle> {
  // Without O_NONBLOCK, a named pipe would hold the daemon's thread up for good.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error: unknown) => {
    const errno = errorCode(error);
    const details = { image: path };
    if (errno === 'EACCES' || errno === 'EPERM') {
      throw new AppError('DEVICE_PERMISSION', `The daemon may not read ${path}.`, details);
    }
    throw new AppError('IMAGE_NOT_FOUND', `There is no image ${path}.`, details);
  });
  const stats = await file.stat();
  if (stats.isFile()) return file;
  await file.close();
  throw new AppError('IMAGE_NOT_FOUND', `${path} is not a file.`, { image: path });
}

async function look(file: FileHandle, path: string): Promise<{ facts: ImageFacts; read: ReadAt }> {
  const { size: fileBytes } = await file.stat();
  if (fileBytes === 0) throw new AppError('IMAGE_EMPTY', `${path} is empty.`, { image: path });
  const raw: ReadAt = async (at, length) => {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, at);
    return buffer.subarray(0, bytesRead);
  };
  const kind = kindOf(await raw(0, HEAD_BYTES));
  if (kind.kind === 'unsupported') {
    throw new AppError('IMAGE_UNSUPPORTED', `${path} is packed as ${kind.name}.`, {
      image: path,
      packedAs: kind.name,
    });
  }
  const imageBytes = await statedSize(file, fileBytes, kind.format);
  const facts: ImageFacts = {
    source: path,
    format: kind.format,
    fileBytes,
    ...(imageBytes === undefined ? {} : { imageBytes }),
  };
  return { facts, read: kind.format === 'raw' ? raw : unpackedReader(path, kind.format) };
}

/** Reads from the unpacked beginning of an image, on a descriptor of its own; nothing beyond the peek. */
function unpackedReader(path: string, format: Exclude<ImageFormat, 'raw'>): ReadAt {
  let head: Promise<Buffer> | undefined;
  return async (at, length) => {
    head ??= peek(path, format);
    return (await head).subarray(at, at + length);
  };
}

async function peek(path: string, format: Exclude<ImageFormat, 'raw'>): Promise<Buffer> {
  const file = await openImage(path);
  try {
    const { size } = await file.stat();
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of unpack(file, size, format)) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes > PEEK_BYTES) break;
    }
    if (bytes === 0)
      throw new AppError('IMAGE_EMPTY', `${path} unpacks to nothing.`, { image: path });
    return Buffer.concat(pieces);
  } finally {
    await file.close();
  }
}

/**
 * Whether the identity has a place. Of a packed image only the beginning is seen: where a FAT partition begins behind that, it is
 * found, or missed, when it is written.
 */
async function hasIdentityVolume(read: ReadAt, facts: ImageFacts): Promise<boolean> {
  if (await findFatVolume(read, IDENTITY_LABEL)) return true;
  if (facts.format === 'raw') return false;
  const seenBytes = (await read(0, Number.MAX_SAFE_INTEGER)).length;
  if (seenBytes <= PEEK_BYTES) return false;
  const partitions = await readPartitions(read);
  return partitions.some(({ isFatType, offsetBytes }) => isFatType && offsetBytes >= PEEK_BYTES);
}

function seedFacts({ sha256 }: InspectRequest): ImageFacts {
  const facts = {
    source: 'seed',
    format: 'raw',
    fileBytes: SEED_BYTES,
    imageBytes: SEED_BYTES,
  } as const;
  if (sha256 === undefined) return facts;
  const digest = createHash('sha256').update(seedImage()).digest('hex');
  requireDigest(digest, sha256);
  return { ...facts, sha256: digest };
}

function requireDigest(found: string | undefined, wanted: string | undefined): void {
  if (wanted === undefined || found === wanted) return;
  throw new AppError('IMAGE_CHECKSUM_MISMATCH', 'The image does not have the given SHA-256.', {
    wanted,
    found: found ?? '',
  });
}
