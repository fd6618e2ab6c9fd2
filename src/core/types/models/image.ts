/** How an image file is packed, decided by its first bytes and never by its name. */
export type ImageFormat = 'raw' | 'gz' | 'xz' | 'zst' | 'bz2' | 'zip';

/** What the first look at a source tells, before anything is written. */
export interface ImageFacts {
  /** Path of the file, or `seed` for the built-in image. */
  readonly source: string;
  readonly format: ImageFormat;
  /** Size of the file itself. */
  readonly fileBytes: number;
  /** Size after unpacking, where the source states it (raw, xz, zst with size, zip). */
  readonly imageBytes?: number;
  /** SHA-256 of the file, only when a checksum was asked for. */
  readonly sha256?: string;
}
