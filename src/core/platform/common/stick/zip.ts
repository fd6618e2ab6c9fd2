import type { FileHandle } from 'node:fs/promises';

import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';

import { AppError } from '../../../types/errors/app-error.js';
import { filePieces } from './file-pieces.js';

/** Folders and what macOS puts beside the real thing do not count as entries. */
const IGNORED = /(\/$)|(^__MACOSX\/)|((^|\/)\.DS_Store$)/;
const MAX_ENTRIES = 1_000;
const STORED = 0;
const DEFLATED = 8;

/**
 * The one file of a zip archive.
 * @throws {AppError} IMAGE_AMBIGUOUS (several), IMAGE_EMPTY (none), IMAGE_UNSUPPORTED (encrypted, or packed by another method
 *   than deflate), IMAGE_CORRUPT.
 */
export async function findZipEntry(file: FileHandle, fileBytes: number): Promise<Entry> {
  const { entry, zip } = await open(file, fileBytes);
  zip.close();
  return entry;
}

/** The bytes of the one file, with its size and CRC-32 checked at the end: yauzl checks the size only. */
export async function openZipEntry(
  file: FileHandle,
  fileBytes: number,
): Promise<AsyncGenerator<Buffer>> {
  const { entry, zip } = await open(file, fileBytes);
  const openStream = promisify<Entry, Readable>(zip.openReadStream.bind(zip));
  return checkedBytes(await openStream(entry), entry);
}

async function* checkedBytes(stream: AsyncIterable<Buffer>, entry: Entry): AsyncGenerator<Buffer> {
  let crc = 0;
  for await (const chunk of stream) {
    crc = zlib.crc32(chunk, crc);
    yield chunk;
  }
  if (crc !== entry.crc32) {
    throw new AppError('IMAGE_CORRUPT', 'The image in the zip file is damaged (CRC-32).');
  }
}

async function open(file: FileHandle, fileBytes: number): Promise<{ entry: Entry; zip: ZipFile }> {
  const zip = await fromHandle(file, fileBytes);
  const entries = await filesOf(zip);
  const [entry] = entries;
  if (!entry) throw new AppError('IMAGE_EMPTY', 'The zip file holds no file.');
  if (entries.length > 1) {
    const names = entries.slice(0, 3).map((each) => each.fileName.slice(0, 80));
    throw new AppError(
      'IMAGE_AMBIGUOUS',
      `The zip file holds ${entries.length} files (${names.join(', ')}…), not one image.`,
      { entries: entries.length },
    );
  }
  const method = entry.compressionMethod;
  if (entry.isEncrypted() || (method !== STORED && method !== DEFLATED)) {
    const why = entry.isEncrypted() ? 'encrypted' : `packed by method ${method}`;
    throw new AppError('IMAGE_UNSUPPORTED', `The image in the zip file is ${why}.`);
  }
  return { entry, zip };
}

function fromHandle(file: FileHandle, fileBytes: number): Promise<ZipFile> {
  const options = { lazyEntries: true, autoClose: false } as const;
  return new Promise((resolve, reject) => {
    // Reading through the handle keeps it the file that was inspected, whatever its path now names.
    yauzl.fromRandomAccessReader(new HandleReader(file), fileBytes, options, (error, zip) =>
      error ? reject(error) : resolve(zip),
    );
  });
}

class HandleReader extends yauzl.RandomAccessReader {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    super();
    this.#file = file;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(filePieces(this.#file, start, end), { objectMode: false });
  }
}

function filesOf(zip: ZipFile): Promise<readonly Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: Entry[] = [];
    zip.on('entry', (entry: Entry) => {
      if (!IGNORED.test(entry.fileName)) entries.push(entry);
      if (entries.length > MAX_ENTRIES) resolve(entries);
      else zip.readEntry();
    });
    zip.on('end', () => resolve(entries));
    zip.on('error', reject);
    zip.readEntry();
  });
}
