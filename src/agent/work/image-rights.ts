import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';

import type {
  ContainerRuntime,
  FoundImage,
  ImageRequest,
} from '../../core/services/container/runtime.ports.js';

import { writeFileAtomic } from '../../core/storage/files/atomic-file.js';
import { errorCode } from '../../core/types/errors/error-code.js';

/** The oldest goes. A disk with more images that somebody had to log in for is not to be expected. */
const MAX_IMAGES = 4_096;
/** Of one image. The oldest goes, and its registry is asked again for it. */
const MAX_KEYS = 64;
const MAX_BEGUN = 4_096;

const Kept = Type.Object({
  version: Type.Literal(1),
  /** So that equal passwords are not seen to be equal from machine to machine. */
  salt: Type.String({ minLength: 16 }),
  images: Type.Array(Type.Object({ id: Type.String(), keys: Type.Array(Type.String()) })),
  begun: Type.Array(Type.String()),
});
type Kept = Static<typeof Kept>;
const keptCheck = Compile(Kept);

type Auth = ImageRequest['auth'];

/**
 * Which images of this machine were fetched with a password, and with whose, by a salted hash. Such an image is for nobody else before its registry has
 * said so, however it is asked for: an engine hands out whatever lies on its disk. What the grid has not fetched with a password, it knows nothing of, and
 * anybody may use. (Kubernetes does the same: KEP-2535, ensure secret pulled images.)
 */
export class ImageRights {
  readonly #file: string;
  readonly #salt: string;
  readonly #images: Map<string, readonly string[]>;
  /** Names that were fetched with a password, and of which it is not known what they brought: this process ended meanwhile, or the engine did. */
  readonly #begun: Set<string>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, { salt, images, begun }: Kept) {
    this.#file = file;
    this.#salt = salt;
    this.#images = new Map(images.map(({ id, keys }) => [id, keys]));
    this.#begun = new Set(begun);
  }

  /**
   * A file that is damaged is put aside and told of: then nothing is known of what was fetched before.
   * @param directory - of the agent.
   */
  static async open(directory: string, onDamage: (file: string) => void): Promise<ImageRights> {
    const file = path.join(directory, 'images.json');
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    const kept = text === undefined ? undefined : parsed(text);
    if (text !== undefined && !kept) {
      await rename(file, `${file}.damaged`);
      onDamage(`${file}.damaged`);
    }
    const salt = randomBytes(32).toString('base64');
    return new ImageRights(file, kept ?? { version: 1, salt, images: [], begun: [] });
  }

  /** As `ContainerRuntime.ensureImage`, for whoever has these credentials. */
  async ensure(
    runtime: Pick<ContainerRuntime, 'ensureImage'>,
    request: ImageRequest,
    signal: AbortSignal,
  ): Promise<FoundImage> {
    const { ref, auth } = request;
    const isDoubtful = this.#begun.has(ref);
    // What is fetched and not written down because the power went would be taken for anybody's.
    if (auth) await this.#begin(ref);
    const mayUse = ({ id }: FoundImage) => {
      const keys = this.#images.get(id);
      return keys ? auth !== undefined && keys.includes(this.#key(auth)) : !isDoubtful;
    };
    const image = await runtime.ensureImage({ ...request, mayUse }, signal);
    await this.#found(ref, image, auth);
    return image;
  }

  async #begin(ref: string): Promise<void> {
    if (this.#begun.has(ref)) return;
    this.#begun.add(ref);
    shorten(this.#begun, MAX_BEGUN);
    await this.#write();
  }

  async #found(ref: string, { id, isAsked }: FoundImage, auth: Auth): Promise<void> {
    const known = this.#images.get(id);
    const wasBegun = this.#begun.delete(ref);
    if (isAsked) this.#images.delete(id);
    // A registry that gives it without a password gives it to everybody.
    if (isAsked && auth) {
      const key = this.#key(auth);
      const others = (known ?? []).filter((one) => one !== key);
      this.#images.set(id, [...others, key].slice(-MAX_KEYS));
      shorten(this.#images, MAX_IMAGES);
    }
    if (wasBegun || (isAsked && (known !== undefined || auth))) await this.#write();
  }

  #key({ username, password }: NonNullable<Auth>): string {
    const text = JSON.stringify([this.#salt, username, password]);
    return createHash('sha256').update(text).digest('hex');
  }

  /** One after the other, each with what is known when its turn comes. Rejects when there is no room. */
  #write(): Promise<void> {
    const write = async () => {
      const images = [...this.#images].map(([id, keys]) => ({ id, keys: [...keys] }));
      const kept: Kept = { version: 1, salt: this.#salt, images, begun: [...this.#begun] };
      await writeFileAtomic(this.#file, `${JSON.stringify(kept)}\n`);
    };
    const done = this.#writing.then(write);
    this.#writing = done.catch(() => undefined);
    return done;
  }
}

/** The oldest of them go. */
function shorten(
  many: { readonly size: number; keys(): Iterable<string>; delete(key: string): unknown },
  most: number,
): void {
  for (const key of many.keys()) {
    if (many.size <= most) return;
    many.delete(key);
  }
}

function parsed(text: string): Kept | undefined {
  try {
    const kept: unknown = JSON.parse(text);
    return keptCheck.Check(kept) ? kept : undefined;
  } catch {
    return undefined;
  }
}
