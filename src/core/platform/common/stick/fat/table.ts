import type { FatGeometry } from './geometry.js';

import { AppError } from '../../../../types/errors/app-error.js';
import { damaged, type Window } from './disk.js';
import { FIRST_CLUSTER } from './geometry.js';

const PAGE_BYTES = 64 << 10;
/** Pages that were only read are dropped beyond this: the table of a large drive is large. */
const MAX_PAGES = 64;
const FREE = 0;
const UNKNOWN_FREE_COUNT = 0xffffffff;
const FSINFO_SIGNATURES = [
  [0, 0x41615252],
  [484, 0x61417272],
] as const;

/** The allocation table: which cluster follows which. Changes stay in memory until `flush`. */
export class FatTable {
  readonly #window: Window;
  readonly #geometry: FatGeometry;
  readonly #pages = new Map<number, Buffer>();
  readonly #changed = new Set<number>();
  /** Taken minus given back since the last flush. */
  #taken = 0;
  /** No free cluster lies before this. */
  #searchFrom = FIRST_CLUSTER;

  constructor(window: Window, geometry: FatGeometry) {
    this.#window = window;
    this.#geometry = geometry;
  }

  /** The clusters of a file or folder, in order. @throws {AppError} IMAGE_CORRUPT for a loop or a stray number. */
  async chain(first: number): Promise<readonly number[]> {
    const clusters: number[] = [];
    for (let cluster = first; !this.#isEnd(cluster); cluster = await this.#get(cluster)) {
      if (cluster < FIRST_CLUSTER || cluster >= FIRST_CLUSTER + this.#geometry.clusters) {
        throw damaged('a chain leaves the volume');
      }
      if (clusters.length >= this.#geometry.clusters) throw damaged('a chain has no end');
      clusters.push(cluster);
    }
    return clusters;
  }

  /**
   * Takes clusters and links them into one chain, appended to `after` when that is given.
   * @throws {AppError} DISK_FULL; nothing is taken then.
   */
  async allocate(count: number, after?: number): Promise<readonly number[]> {
    const found = await this.#findFree(count);
    if (found.length < count) {
      throw new AppError('DISK_FULL', 'The CIDATA partition of the image has no room left.', {
        neededClusters: count,
        freeClusters: found.length,
      });
    }
    for (const [index, cluster] of found.entries()) {
      await this.#set(cluster, found[index + 1] ?? this.#endMark);
    }
    if (after !== undefined && found[0] !== undefined) await this.#set(after, found[0]);
    this.#taken += count;
    return found;
  }

  /** Gives a chain back. */
  async release(first: number): Promise<void> {
    if (first === FREE) return;
    const clusters = await this.chain(first);
    for (const cluster of clusters) {
      await this.#set(cluster, FREE);
      this.#searchFrom = Math.min(this.#searchFrom, cluster);
    }
    this.#taken -= clusters.length;
  }

  /** Writes what changed, to every copy of the table, and keeps the count of free clusters true. */
  async flush(): Promise<void> {
    for (const page of this.#changed) {
      const bytes = this.#pages.get(page);
      if (!bytes) continue;
      for (const at of this.#geometry.tablesAt) {
        await this.#window.write(at + page * PAGE_BYTES, bytes);
      }
    }
    this.#changed.clear();
    await this.#updateFreeCount();
  }

  async #updateFreeCount(): Promise<void> {
    const at = this.#geometry.freeCountAt;
    if (at === undefined || this.#taken === 0) return;
    const sector = await this.#window.read(at, 512);
    const isFsInfo = FSINFO_SIGNATURES.every(
      ([place, mark]) => sector.readUInt32LE(place) === mark,
    );
    const free = sector.readUInt32LE(488);
    if (!isFsInfo || free === UNKNOWN_FREE_COUNT) return;
    const left = free - this.#taken;
    const isTrue = left >= 0 && left <= this.#geometry.clusters;
    sector.writeUInt32LE(isTrue ? left : UNKNOWN_FREE_COUNT, 488);
    await this.#window.write(at, sector);
    this.#taken = 0;
  }

  async #findFree(count: number): Promise<readonly number[]> {
    const found: number[] = [];
    const end = FIRST_CLUSTER + this.#geometry.clusters;
    for (let cluster = this.#searchFrom; cluster < end && found.length < count; cluster += 1) {
      if ((await this.#get(cluster)) === FREE) found.push(cluster);
    }
    this.#searchFrom = found[0] ?? this.#searchFrom;
    return found;
  }

  get #endMark(): number {
    return { 12: 0xfff, 16: 0xffff, 32: 0x0fffffff }[this.#geometry.bits];
  }

  #isEnd(cluster: number): boolean {
    return cluster >= this.#endMark - 7;
  }

  async #get(cluster: number): Promise<number> {
    const { bits } = this.#geometry;
    if (bits === 12) {
      const at = cluster + (cluster >> 1);
      const word = (await this.#byte(at)) | ((await this.#byte(at + 1)) << 8);
      return (cluster & 1) === 1 ? word >> 4 : word & 0xfff;
    }
    const at = (cluster * bits) / 8;
    const page = await this.#page(at);
    if (bits === 16) return page.readUInt16LE(at % PAGE_BYTES);
    return page.readUInt32LE(at % PAGE_BYTES) & 0x0fffffff;
  }

  async #set(cluster: number, value: number): Promise<void> {
    const { bits } = this.#geometry;
    if (bits === 12) {
      const at = cluster + (cluster >> 1);
      const [low, high] = [await this.#byte(at), await this.#byte(at + 1)];
      const isOdd = (cluster & 1) === 1;
      await this.#setByte(at, isOdd ? (low & 0x0f) | ((value & 0x0f) << 4) : value & 0xff);
      await this.#setByte(at + 1, isOdd ? value >> 4 : (high & 0xf0) | (value >> 8));
      return;
    }
    const at = (cluster * bits) / 8;
    const page = await this.#page(at);
    const place = at % PAGE_BYTES;
    if (bits === 16) page.writeUInt16LE(value, place);
    // The top four bits are not part of the number and are kept.
    else page.writeUInt32LE(((page.readUInt32LE(place) & 0xf0000000) | value) >>> 0, place);
    this.#changed.add(Math.floor(at / PAGE_BYTES));
  }

  async #byte(at: number): Promise<number> {
    return (await this.#page(at)).readUInt8(at % PAGE_BYTES);
  }

  async #setByte(at: number, value: number): Promise<void> {
    (await this.#page(at)).writeUInt8(value, at % PAGE_BYTES);
    this.#changed.add(Math.floor(at / PAGE_BYTES));
  }

  async #page(at: number): Promise<Buffer> {
    const page = Math.floor(at / PAGE_BYTES);
    const known = this.#pages.get(page);
    if (known) return known;
    const [first = 0] = this.#geometry.tablesAt;
    const start = page * PAGE_BYTES;
    const bytes = await this.#window.read(
      first + start,
      Math.min(PAGE_BYTES, this.#geometry.tableBytes - start),
    );
    this.#dropOldPages();
    this.#pages.set(page, bytes);
    return bytes;
  }

  #dropOldPages(): void {
    if (this.#pages.size < MAX_PAGES) return;
    for (const page of this.#pages.keys()) if (!this.#changed.has(page)) this.#pages.delete(page);
  }
}
