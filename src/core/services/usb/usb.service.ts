import type { Drive } from '../../types/models/drive.js';
import type { ImageFacts } from '../../types/models/image.js';
import type { WriteJob, WriteReport, WriteTarget } from '../../types/models/stick.js';
import type { UsbDeps, WriteOptions } from './usb.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { refusal } from './target-rules.js';

interface Risks {
  readonly unmount: boolean;
  readonly acceptRisks: readonly string[];
}

interface StickRequest extends Risks {
  readonly target:
    | { readonly device: string; readonly expect?: Expectation }
    | { readonly output: string; readonly replace: boolean };
  readonly image: string;
  readonly sha256?: string;
  readonly needsCidata: boolean;
}

interface Expectation {
  readonly serial?: string;
  readonly byId?: string;
  readonly sizeBytes: number;
}

interface StickPlan {
  readonly target: WriteTarget;
  readonly drive?: Drive;
  readonly image: ImageFacts;
}

/** The rules of sticks: what may be written, and that one target has one writer. */
export class UsbService {
  readonly #deps: UsbDeps;
  readonly #claimed = new Set<string>();

  constructor(deps: UsbDeps) {
    this.#deps = deps;
  }

  /** The drives that could be written as they are; with `all`, every drive with the reason against it. */
  async list(options: {
    all: boolean;
  }): Promise<readonly { drive: Drive; refusal: AppError | undefined }[]> {
    const drives = await this.#deps.drives.list();
    return drives
      .map((drive) => ({ drive, refusal: refusal(drive, { unmount: false, acceptRisks: [] }) }))
      .filter((entry) => options.all || offered(entry.refusal));
  }

  /**
   * Checks target and image and touches nothing. The cheap checks of the target come first, so that a wrong
   * stick is told before a large image is hashed.
   * @throws {AppError} the first refusal.
   */
  async plan(request: StickRequest): Promise<StickPlan> {
    if ('output' in request.target) return this.#planFile(request, request.target);
    const drive = await this.#drive(request.target.device);
    if (request.target.expect) requireSame(drive, request.target.expect);
    const refused = refusal(drive, request);
    if (refused) throw refused;
    this.#requireUnclaimed(drive.path);
    await this.#deps.probe.probe(drive, { exclusive: !drive.uses.includes('mounted') });

    const image = await this.#inspect(request);
    requireRoom(drive, image);
    const { path, serial, byId, sizeBytes } = drive;
    const identity = {
      path,
      sizeBytes,
      ...(serial === undefined ? {} : { serial }),
      ...(byId === undefined ? {} : { byId }),
    };
    return { target: { kind: 'device', identity }, drive, image };
  }

  /**
   * Claims a planned target, so that no second write of this daemon begins on it.
   * @throws {AppError} DEVICE_BUSY, LIMIT_REACHED.
   */
  claim(plan: StickPlan): { release(): void } {
    const path = pathOf(plan.target);
    this.#requireUnclaimed(path);
    if (this.#claimed.size >= this.#deps.maxConcurrentWrites) {
      throw new AppError(
        'LIMIT_REACHED',
        `${this.#claimed.size} sticks are being written already.`,
        {
          limit: this.#deps.maxConcurrentWrites,
        },
      );
    }
    this.#claimed.add(path);
    return { release: () => void this.#claimed.delete(path) };
  }

  /** Writes a claimed target. @throws {AppError} as `StickWriter.write`. */
  write(job: WriteJob, options: WriteOptions): Promise<WriteReport> {
    return this.#deps.writer.write(job, options);
  }

  async #planFile(
    request: StickRequest,
    target: { readonly output: string; readonly replace: boolean },
  ): Promise<StickPlan> {
    const { output: path, replace } = target;
    this.#requireUnclaimed(path);
    await this.#deps.outputs.check({ path, replace });
    const image = await this.#inspect(request);
    if (image.imageBytes !== undefined) {
      await this.#deps.outputs.check({ path, replace, imageBytes: image.imageBytes });
    }
    return { target: { kind: 'file', path, replace }, image };
  }

  #inspect(request: StickRequest): Promise<ImageFacts> {
    const { image, sha256, needsCidata } = request;
    return this.#deps.images.inspect({
      source: image === 'seed' ? { kind: 'seed' } : { kind: 'file', path: image },
      needsCidata,
      ...(sha256 === undefined ? {} : { sha256: sha256.toLowerCase() }),
    });
  }

  async #drive(path: string): Promise<Drive> {
    const found = await this.#deps.drives.lookup(path);
    switch (found.kind) {
      case 'drive':
        return found.drive;
      case 'missing':
        throw new AppError('DEVICE_NOT_FOUND', `There is no device ${path}.`, { device: path });
      case 'not-block':
        throw new AppError('DEVICE_NOT_BLOCK', `${path} is not a disk.`, { device: path });
      case 'partition':
        throw new AppError(
          'DEVICE_IS_PARTITION',
          `${path} is a partition of ${found.ofPath}, not a whole disk.`,
          { device: path, disk: found.ofPath },
        );
    }
  }

  #requireUnclaimed(path: string): void {
    if (this.#claimed.has(path)) {
      throw new AppError('DEVICE_BUSY', `${path} is being written already.`, { device: path });
    }
  }
}

/** A drive is offered when nothing speaks against it, or only what may be lifted by a flag. */
function offered(refused: AppError | undefined): boolean {
  return refused === undefined || refused.code === 'DEVICE_MOUNTED';
}

function requireSame(drive: Drive, expect: Expectation): void {
  const same =
    drive.sizeBytes === expect.sizeBytes &&
    drive.serial === expect.serial &&
    drive.byId === expect.byId;
  if (same) return;
  throw new AppError('DEVICE_CHANGED', `${drive.path} is not the drive that was confirmed.`, {
    device: drive.path,
  });
}

function requireRoom(drive: Drive, image: ImageFacts): void {
  if (image.imageBytes === undefined || image.imageBytes <= drive.sizeBytes) return;
  throw new AppError(
    'DEVICE_TOO_SMALL',
    `The image needs ${image.imageBytes} bytes; ${drive.path} has ${drive.sizeBytes}.`,
    { device: drive.path, neededBytes: image.imageBytes, sizeBytes: drive.sizeBytes },
  );
}

function pathOf(target: WriteTarget): string {
  return target.kind === 'device' ? target.identity.path : target.path;
}
