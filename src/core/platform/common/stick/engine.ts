import type { FileHandle } from 'node:fs/promises';

import { createHash } from 'node:crypto';
import { constants, open } from 'node:fs/promises';

import type { ImageFormat } from '../../../types/models/image.js';
import type {
  TargetState,
  WriteJob,
  WritePhase,
  WriteProgress,
  WriteReport,
} from '../../../types/models/stick.js';

import { AppError } from '../../../types/errors/app-error.js';
import { BufferRing } from './buffers.js';
import { targetError } from './errno.js';
import { filePieces } from './file-pieces.js';
import { createFingerprinter } from './fingerprint.js';
import { HEAD_BYTES, kindOf } from './magic.js';
import { Meter } from './meter.js';
import { SEED_BYTES, seedImage } from './seed-image.js';
import { peekSync, statedSize } from './stated-size.js';
import { BLOCK_BYTES, type IdentifyOpen, openTarget, type Target } from './target.js';
import { verifyChunks, writeRaw, writeStream, type WriteContext } from './write.js';

/** Measured on a tmpfs loop: fewer or smaller leaves the device waiting, more gains nothing. */
const CHUNK_BYTES = 4 << 20;
const BUFFERS = 5;

export interface EngineDeps {
  readonly identify: IdentifyOpen;
  readonly unmount: (devicePath: string) => Promise<void>;
  readonly eject: (devicePath: string) => Promise<boolean>;
}

export interface EngineHooks {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: WriteProgress) => void;
  /** Told once the target is open; `path` is where the bytes go until they are complete. */
  readonly onOpen?: (target: Pick<Target, 'kind' | 'path'>) => void;
  /** Told once, before the first byte goes to the target: from then on it is not what it was. */
  readonly onFirstWrite: () => void;
}

interface Source {
  readonly format: ImageFormat;
  readonly fileBytes: number;
  readonly imageBytes: number | undefined;
  /** Absent for the seed. */
  readonly file?: FileHandle;
}

/**
 * Does one write job: checksum, write, flush, verify, identity, eject. Memory is bounded by the ring, whatever the image.
 * @throws {AppError} with `details.targetState`.
 */
export async function writeStick(
  job: WriteJob,
  deps: EngineDeps,
  hooks: EngineHooks,
): Promise<WriteReport> {
  const startedAt = performance.now();
  let touched = false;
  let target: Target | undefined;
  let source: Source | undefined;
  const firstWrite = () => {
    if (touched) return;
    touched = true;
    hooks.onFirstWrite();
  };
  try {
    source = await openSource(job);
    await requireChecksum(job, source, hooks);
    if (job.unmount && job.target.kind === 'device') await deps.unmount(job.target.identity.path);
    target = await openTarget(job.target, deps.identify);
    hooks.onOpen?.(target);
    requireRoom(source, target);
    const written = await writeImage(job, source, target, { ...hooks, onFirstWrite: firstWrite });
    await placeFiles(job, target, written.imageBytes, hooks);
    await target.publish(written.imageBytes);
    const ejected = job.eject && job.target.kind === 'device' && (await deps.eject(target.name));
    return {
      ...written,
      identityWritten: job.identityFiles.length > 0,
      durationMs: performance.now() - startedAt,
      ejected,
    };
  } catch (error) {
    const targetState = target ? await target.abandon(touched) : 'untouched';
    throw withState(error, targetState, hooks.signal);
  } finally {
    await source?.file?.close();
  }
}

async function openSource(job: WriteJob): Promise<Source> {
  if (job.source.kind === 'seed') {
    return { format: 'raw', fileBytes: SEED_BYTES, imageBytes: SEED_BYTES };
  }
  // Without O_NONBLOCK, a named pipe in the image's place would hold this process up for good.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const file = await open(job.source.path, flags).catch(() => {
    throw new AppError('IMAGE_NOT_FOUND', 'The image can no longer be opened.');
  });
  const { size: fileBytes } = await file.stat();
  const head = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
  const kind = kindOf(head.subarray(0, bytesRead));
  if (kind.kind === 'unsupported') {
    await file.close();
    throw new AppError('IMAGE_UNSUPPORTED', `The image is packed as ${kind.name}.`);
  }
  return {
    file,
    fileBytes,
    format: kind.format,
    imageBytes: await statedSize(file, fileBytes, kind.format, peekSync(file)),
  };
}

/** Hashes the file before the first byte is written, so that a wrong one costs nothing. */
async function requireChecksum(job: WriteJob, source: Source, hooks: EngineHooks): Promise<void> {
  if (job.sha256 === undefined) return;
  const meter = new Meter('checksum', source.fileBytes, hooks.onProgress);
  const hash = createHash('sha256');
  const pieces = source.file ? filePieces(source.file, 0) : seedPieces();
  for await (const piece of pieces) {
    hooks.signal.throwIfAborted();
    hash.update(piece);
    meter.add(piece.length);
  }
  meter.end();
  if (hash.digest('hex') === job.sha256.toLowerCase()) return;
  throw new AppError('IMAGE_CHECKSUM_MISMATCH', 'The image does not have the given SHA-256.');
}

function requireRoom({ imageBytes }: Source, { name, sizeBytes }: Target): void {
  if (imageBytes === undefined || sizeBytes === undefined || imageBytes <= sizeBytes) return;
  throw new AppError(
    'DEVICE_TOO_SMALL',
    `The image needs ${imageBytes} bytes; ${name} has ${sizeBytes}.`,
    { target: name, neededBytes: imageBytes, sizeBytes },
  );
}

async function writeImage(job: WriteJob, source: Source, target: Target, hooks: EngineHooks) {
  const ring = new BufferRing(BUFFERS, CHUNK_BYTES);
  const fingerprinter = job.verify ? createFingerprinter() : undefined;
  const phase = (name: WritePhase, totalBytes: number | undefined): WriteContext => ({
    target,
    ring,
    signal: hooks.signal,
    fingerprinter,
    onFirstWrite: hooks.onFirstWrite,
    meter: new Meter(name, totalBytes, hooks.onProgress),
  });
  const startedAt = performance.now();
  const writing = phase('write', source.imageBytes);
  const { chunks, imageBytes } = await copy(source, writing);
  writing.meter.end();
  if (imageBytes === 0) throw new AppError('IMAGE_EMPTY', 'The image holds no bytes.');
  hooks.onProgress({
    phase: 'flush',
    doneBytes: imageBytes,
    totalBytes: imageBytes,
    bytesPerSecond: 0,
  });
  await target.handle.sync().catch((error: unknown) => {
    throw targetError(error, target.name);
  });
  const writeBytesPerSecond = imageBytes / ((performance.now() - startedAt) / 1000);
  if (job.verify) {
    const verifying = phase('verify', imageBytes);
    const inOrder = chunks.toSorted((a, b) => a.at - b.at);
    await verifyChunks(verifying, inOrder, BUFFERS);
    verifying.meter.end();
  }
  return { imageBytes, writeBytesPerSecond, verified: job.verify };
}

async function copy(source: Source, context: WriteContext) {
  const { file, format, fileBytes } = source;
  if (!file) return writeStream(context, seedPieces());
  if (format === 'raw') {
    return { chunks: await writeRaw(context, file, fileBytes, BUFFERS), imageBytes: fileBytes };
  }
  // Loaded here, because a raw image needs none of it.
  const { unpack } = await import('./unpack.js');
  const written = await writeStream(context, unpack(file, fileBytes, format));
  if (source.imageBytes !== undefined && written.imageBytes !== source.imageBytes) {
    throw new AppError('IMAGE_CORRUPT', 'The image does not unpack to the size that it states.');
  }
  return written;
}

async function* seedPieces(): AsyncGenerator<Buffer> {
  yield seedImage();
}

async function placeFiles(
  job: WriteJob,
  target: Target,
  imageBytes: number,
  hooks: EngineHooks,
): Promise<void> {
  if (job.identityFiles.length === 0) return;
  hooks.signal.throwIfAborted();
  hooks.onProgress({ phase: 'identity', doneBytes: 0, bytesPerSecond: 0 });
  const { placeIdentity } = await import('./identity-files.js');
  const { handle, name } = target;
  // A file still has its last block whole: it is cut to the image's length when it is published.
  const sizeBytes = target.sizeBytes ?? Math.ceil(imageBytes / BLOCK_BYTES) * BLOCK_BYTES;
  await placeIdentity({ handle, name, sizeBytes }, job.identityFiles, new Date());
}

function withState(error: unknown, targetState: TargetState, signal: AbortSignal): AppError {
  if (signal.aborted) {
    return new AppError('OPERATION_CANCELLED', 'The write was cancelled.', { targetState });
  }
  if (error instanceof AppError) {
    return new AppError(
      error.code,
      error.message,
      { ...error.details, targetState },
      { cause: error },
    );
  }
  return new AppError('INTERNAL', 'The writer hit a bug.', { targetState }, { cause: error });
}
