import type { Drive, DriveLookup } from '../../types/models/drive.js';
import type { ImageFacts } from '../../types/models/image.js';
import type { WriteJob, WriteProgress, WriteReport } from '../../types/models/stick.js';

/** The drives of the daemon's host. */
export interface DriveLister {
  /** Every whole disk, also those that may not be written. Takes no lock and opens no disk. */
  list(): Promise<readonly Drive[]>;
  /** What is at this path, symbolic links (such as /dev/disk/by-id) followed. */
  lookup(path: string): Promise<DriveLookup>;
}

/** Finds out before a write what only an open can tell. */
export interface DriveProbe {
  /**
   * Opens the drive for writing and closes it again without a byte written; `exclusive` fails while anything holds it.
   * @throws {AppError} DEVICE_PERMISSION, DEVICE_BUSY, DEVICE_READ_ONLY, DEVICE_GONE.
   */
  probe(drive: Drive, options: { readonly exclusive: boolean }): Promise<void>;
}

/** Looks into an image without writing anything. */
export interface ImageInspector {
  /**
   * Decides the format by magic bytes, reads the stated size, and hashes the file when `sha256` is given.
   * @throws {AppError} IMAGE_NOT_FOUND, IMAGE_EMPTY, IMAGE_UNSUPPORTED, IMAGE_AMBIGUOUS,
   *   IMAGE_CORRUPT (a header that lies), IMAGE_CHECKSUM_MISMATCH, IMAGE_WITHOUT_CIDATA (raw and seed only:
   *   packed images are looked at while they are written), DEVICE_PERMISSION.
   */
  inspect(request: InspectRequest): Promise<ImageFacts>;
}

export interface InspectRequest {
  readonly source: WriteJob['source'];
  readonly sha256?: string;
  /** Whether identity files will be placed, so that a raw image without CIDATA is refused early. */
  readonly needsCidata: boolean;
  readonly signal?: AbortSignal;
}

/** Looks at a file that is to be written instead of a stick. */
export interface OutputProbe {
  /**
   * @throws {AppError} OUTPUT_EXISTS (exists and `replace` is false), FILE_NOT_FOUND (no such folder),
   *   INPUT_INVALID (a folder or a device), DEVICE_PERMISSION, DISK_FULL (less free than `imageBytes`).
   */
  check(request: {
    readonly path: string;
    readonly replace: boolean;
    readonly imageBytes?: number;
  }): Promise<void>;
}

/** Writes one image to one target, in a process of its own that dies with the daemon. */
export interface StickWriter {
  /**
   * Resolves after the last promise the job makes (verify, identity read back, eject).
   *
   * Aborting the signal stops within a second. Progress comes at most five times a second.
   * @throws {AppError} with `details.targetState`: IMAGE_CORRUPT, WRITE_FAILED, VERIFY_FAILED, DEVICE_GONE,
   *   DISK_FULL, DEVICE_BUSY, DEVICE_CHANGED, DEVICE_TOO_SMALL, IMAGE_WITHOUT_CIDATA, OPERATION_CANCELLED…
   */
  write(job: WriteJob, options: WriteOptions): Promise<WriteReport>;
}

export interface WriteOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: WriteProgress) => void;
}

/** Everything the usb service needs from the host. */
export interface UsbDeps {
  readonly drives: DriveLister;
  readonly probe: DriveProbe;
  readonly images: ImageInspector;
  readonly outputs: OutputProbe;
  readonly writer: StickWriter;
  /** How many sticks are written at once, at most. */
  readonly maxConcurrentWrites: number;
}
