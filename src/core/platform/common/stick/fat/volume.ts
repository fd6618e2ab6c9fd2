import type { FatGeometry } from './geometry.js';

import { AppError } from '../../../../types/errors/app-error.js';
import { describeEntry, Directory, FILE, FOLDER, type FatEntry } from './directory.js';
import { type ByteDisk, damaged, Window } from './disk.js';
import { BOOT_SECTOR_BYTES, FIRST_CLUSTER, parseBootSector } from './geometry.js';
import { entriesFor, ENTRY_BYTES, requireName } from './names.js';
import { FatTable } from './table.js';

/** Larger directories are no directories of images (the specification allows 65,536 entries). */
const MAX_DIRECTORY_BYTES = 2 << 20;
const MAX_FILE_BYTES = 16 << 20;

/** Where a run of a directory's bytes lies on the volume. */
interface Piece {
  readonly at: number;
  readonly bytes: number;
}

/** Which directory: the root, or a folder by its first cluster. */
type Folder = 'root' | number;

/**
 * Files of a FAT12, FAT16 or FAT32 volume, read and written without mounting it. Small files in few folders: everything is
 * held in memory while it is written. One caller at a time.
 *
 * Not a general driver: it deletes nothing, and does not touch the backup of the boot sector. After `flush`, `fsck.vfat -n`
 * finds nothing to say. Source: Microsoft FAT specification (fatgen103, 2000).
 */
export class FatVolume {
  readonly #window: Window;
  readonly #geometry: FatGeometry;
  readonly #table: FatTable;

  private constructor(window: Window, geometry: FatGeometry) {
    this.#window = window;
    this.#geometry = geometry;
    this.#table = new FatTable(window, geometry);
  }

  /** Opens the volume that begins at this byte; undefined when there is none. Reads nothing of what was opened before. */
  static async open(disk: ByteDisk, startBytes: number): Promise<FatVolume | undefined> {
    const geometry = parseBootSector(await disk.read(startBytes, BOOT_SECTOR_BYTES));
    return geometry && new FatVolume(new Window(disk, startBytes), geometry);
  }

  /** Label in the root directory, else in the boot sector. */
  async label(): Promise<string> {
    const { directory } = await this.#load('root');
    return directory.label() ?? this.#geometry.bootLabel;
  }

  /** The bytes of a file; undefined when there is none of this path. Parts are separated by `/`. */
  async read(path: string): Promise<Buffer | undefined> {
    let folder: Folder = 'root';
    const names = path.split('/');
    for (const [index, name] of names.entries()) {
      const entry: FatEntry | undefined = (await this.#load(folder)).directory.find(name);
      const isLast = index === names.length - 1;
      if (!entry || entry.isFolder === isLast) return undefined;
      if (isLast) return this.#content(entry);
      folder = entry.firstCluster;
    }
    return undefined;
  }

  /**
   * Writes a file, whether or not there was one, and makes the folders above it.
   * @throws {AppError} DISK_FULL, IMAGE_CORRUPT, INPUT_INVALID (a name), WRITE_FAILED (a folder where a file should be, or the
   *   reverse).
   */
  async write(path: string, content: Buffer, now: Date): Promise<void> {
    const names = path.split('/');
    for (const name of names) requireName(name);
    const last = names.at(-1) ?? '';
    let folder: Folder = 'root';
    for (const name of names.slice(0, -1)) folder = await this.#enter(folder, name, now);
    const { directory } = await this.#load(folder);
    const existing = directory.find(last);
    if (existing?.isFolder) throw inTheWay(path, 'folder');
    if (existing) await this.#table.release(existing.firstCluster);
    const firstCluster = await this.#store(content);
    await this.#put(folder, last, existing, {
      attributes: FILE,
      firstCluster,
      sizeBytes: content.length,
      at: now,
    });
  }

  /** Puts the allocation tables on the disk; files are whole only then. */
  flush(): Promise<void> {
    return this.#table.flush();
  }

  async #enter(parent: Folder, name: string, now: Date): Promise<Folder> {
    const { directory } = await this.#load(parent);
    const existing = directory.find(name);
    if (existing && !existing.isFolder) throw inTheWay(name, 'file');
    if (existing) return existing.firstCluster;
    const firstCluster = await this.#store(Buffer.alloc(this.#geometry.clusterBytes));
    const self = { attributes: FOLDER, firstCluster, sizeBytes: 0, at: now };
    const dots = Buffer.alloc(2 * ENTRY_BYTES);
    dots.write('.          ', 0, 'latin1');
    dots.write('..         ', ENTRY_BYTES, 'latin1');
    describeEntry(dots.subarray(0, ENTRY_BYTES), self);
    // A folder in the root says 0 for it, also on FAT32.
    const parentCluster = parent === 'root' ? 0 : parent;
    describeEntry(dots.subarray(ENTRY_BYTES), { ...self, firstCluster: parentCluster });
    await this.#window.write(this.#clusterAt(firstCluster), dots);
    await this.#put(parent, name, undefined, self);
    return firstCluster;
  }

  /** Adds an entry to a folder, or brings the existing one up to date. */
  async #put(
    folder: Folder,
    name: string,
    existing: FatEntry | undefined,
    what: Parameters<typeof describeEntry>[1],
  ): Promise<void> {
    const { directory, pieces } = await this.#load(folder);
    if (existing) {
      const entry = directory.bytes.subarray(existing.at, existing.at + ENTRY_BYTES);
      describeEntry(entry, what);
      return this.#save(directory, pieces, existing.at, existing.at + ENTRY_BYTES);
    }
    const entries = entriesFor(name, directory.shortNames());
    describeEntry(entries.subarray(-ENTRY_BYTES), what);
    const at = directory.findRoom(entries.length / ENTRY_BYTES);
    if (at !== undefined) {
      const end = directory.insert(at, entries);
      return this.#save(directory, pieces, at, end);
    }
    await this.#grow(folder);
    return this.#put(folder, name, undefined, what);
  }

  /** Gives a folder one more cluster. The root of FAT12 and FAT16 cannot have one. */
  async #grow(folder: Folder): Promise<void> {
    const first = this.#firstCluster(folder);
    if (first === undefined) {
      throw new AppError('DISK_FULL', 'The root folder of the image has no room left.');
    }
    const clusters = await this.#table.chain(first);
    const [added = 0] = await this.#table.allocate(1, clusters.at(-1));
    await this.#window.write(this.#clusterAt(added), Buffer.alloc(this.#geometry.clusterBytes));
  }

  async #store(content: Buffer): Promise<number> {
    const { clusterBytes } = this.#geometry;
    const clusters = await this.#table.allocate(Math.ceil(content.length / clusterBytes));
    for (const [index, cluster] of clusters.entries()) {
      const piece = content.subarray(index * clusterBytes, (index + 1) * clusterBytes);
      await this.#window.write(this.#clusterAt(cluster), piece);
    }
    return clusters[0] ?? 0;
  }

  async #content(entry: FatEntry): Promise<Buffer> {
    if (entry.sizeBytes === 0) return Buffer.alloc(0);
    if (entry.sizeBytes > MAX_FILE_BYTES) throw damaged('a file of ours is far too large');
    const clusters = await this.#table.chain(entry.firstCluster);
    const pieces: Buffer[] = [];
    for (const cluster of clusters.slice(0, this.#clustersFor(entry.sizeBytes))) {
      pieces.push(await this.#window.read(this.#clusterAt(cluster), this.#geometry.clusterBytes));
    }
    return Buffer.concat(pieces).subarray(0, entry.sizeBytes);
  }

  async #load(folder: Folder): Promise<{ directory: Directory; pieces: readonly Piece[] }> {
    const pieces = await this.#pieces(folder);
    const buffers: Buffer[] = [];
    for (const { at, bytes } of pieces) buffers.push(await this.#window.read(at, bytes));
    return { directory: new Directory(Buffer.concat(buffers)), pieces };
  }

  async #pieces(folder: Folder): Promise<readonly Piece[]> {
    const { root, clusterBytes } = this.#geometry;
    const first = this.#firstCluster(folder);
    if (first === undefined) return root.kind === 'fixed' ? [root] : [];
    const clusters = await this.#table.chain(first);
    if (clusters.length * clusterBytes > MAX_DIRECTORY_BYTES) throw damaged('a folder has no end');
    return clusters.map((cluster) => ({ at: this.#clusterAt(cluster), bytes: clusterBytes }));
  }

  /** Undefined for the root of FAT12 and FAT16, which is in no cluster. */
  #firstCluster(folder: Folder): number | undefined {
    if (folder !== 'root') return folder;
    const { root } = this.#geometry;
    return root.kind === 'chain' ? root.cluster : undefined;
  }

  /** Writes a range of a directory back to where its pieces lie. */
  async #save(
    directory: Directory,
    pieces: readonly Piece[],
    from: number,
    to: number,
  ): Promise<void> {
    let start = 0;
    for (const piece of pieces) {
      const low = Math.max(from, start);
      const high = Math.min(to, start + piece.bytes);
      if (low < high) {
        await this.#window.write(piece.at + low - start, directory.bytes.subarray(low, high));
      }
      start += piece.bytes;
    }
  }

  #clusterAt(cluster: number): number {
    return this.#geometry.dataAt + (cluster - FIRST_CLUSTER) * this.#geometry.clusterBytes;
  }

  #clustersFor(bytes: number): number {
    return Math.ceil(bytes / this.#geometry.clusterBytes);
  }
}

function inTheWay(path: string, kind: 'file' | 'folder'): AppError {
  return new AppError('WRITE_FAILED', `The image has a ${kind} where ${path} belongs.`, { path });
}
