import type { FoundImage, ImageRequest } from '../../../services/container/runtime.ports.js';
import type { Dialect } from './dialect.js';
import type { EngineHttp } from './engine-http.js';

import { AppError } from '../../../types/errors/app-error.js';
import { asUnreachable } from './engine-http.js';
import { fullRepository, imageName, type ImageName, registryOf } from './image-name.js';
import { listOf, objectOf, parsed, textOf } from './json.js';
import { engineFailure, messageOf, pullRefusal } from './refusals.js';

/** A pull may take as long as it needs, but not without a word of it. */
const STALL_MS = 120_000;
const ASK_TIMEOUT_MS = 60_000;
const MAX_PROGRESS_LINE_LENGTH = 64 << 10;
const CONTENT_DIGEST = /^sha256:[0-9a-f]{64}$/;

/** As `ContainerRuntime.ensureImage`. */
export async function ensureImage(
  http: EngineHttp,
  dialect: Pick<Dialect, 'asksRegistry'>,
  request: ImageRequest,
  signal: AbortSignal,
  stallMs = STALL_MS,
): Promise<FoundImage> {
  const { ref, policy, mayUse = () => true } = request;
  const name = imageName(ref);
  const digest = request.digest ?? name.digest;
  if (digest !== undefined && !CONTENT_DIGEST.test(digest)) {
    throw new AppError('INPUT_INVALID', `"${digest.slice(0, 100)}" is no digest of an image.`);
  }
  // What has a digest never changes: there is nothing to ask the registry for.
  const isEnough = policy !== 'always' || digest !== undefined;
  const here = isEnough ? await find(http, name, request.digest) : undefined;
  if (here && mayUse(here)) return here;
  if (policy === 'never') throw notToBeFetched(ref, here);
  await pull(http, request, { ...name, digest }, signal, stallMs);
  const pulled = await find(http, name, request.digest);
  if (!pulled) {
    throw pullRefusal(ref, 'the engine has fetched it, and does not have it: not found');
  }
  // An engine that has a manifest already fetches it again without a word of the registry, which may be anybody's.
  if (dialect.asksRegistry && !mayUse(pulled)) await ask(http, request, name, pulled, signal);
  return { ...pulled, isAsked: true };
}

function notToBeFetched(ref: string, here: FoundImage | undefined): AppError {
  const why = here
    ? 'is here for those whose password its registry has taken'
    : 'is not on this machine';
  return new AppError('CONTAINER_IMAGE_NOT_FOUND', `${ref} ${why}, and is not to be fetched.`, {
    image: ref,
  });
}

/** @throws {AppError} as for a pull, where the registry does not give out that image. */
async function ask(
  http: EngineHttp,
  { ref, auth }: ImageRequest,
  { repository }: ImageName,
  { digest }: FoundImage,
  signal: AbortSignal,
): Promise<void> {
  const answer = await http.call('GET', `/distribution/${repository}@${digest}/json`, {
    headers: authHeader(auth, repository),
    timeoutMs: ASK_TIMEOUT_MS,
    signal,
  });
  if (answer.status !== 200) throw pullRefusal(ref, messageOf(answer));
}

/** @param pinned - a digest that whoever asks has from the grid, not from a member. */
async function find(
  http: EngineHttp,
  name: ImageName,
  pinned: string | undefined,
): Promise<FoundImage | undefined> {
  const digest = pinned ?? name.digest;
  if (digest === undefined) return look(http, `${name.repository}:${name.tag}`, name, undefined);
  // Which name an image has, and whether an id is one, is for the grid to say: to Podman a digest is enough, under whatever name.
  const isOwn = pinned === undefined;
  const named = await look(http, `${name.repository}@${digest}`, name, digest, isOwn);
  return named ?? (isOwn ? undefined : look(http, digest, name, digest));
}

async function look(
  http: EngineHttp,
  ref: string,
  { repository }: ImageName,
  digest: string | undefined,
  isStrict = false,
): Promise<FoundImage | undefined> {
  const answer = await http.call('GET', `/images/${ref}/json`);
  if (answer.status === 404) return undefined;
  const image = objectOf(answer.body);
  const id = textOf(image['Id']);
  if (answer.status !== 200 || id === undefined) throw engineFailure(answer);
  const config = objectOf(image['Config']);
  const test = listOf(objectOf(config['Healthcheck'])['Test']);
  const digests = digestsOf(listOf(image['RepoDigests']), repository);
  if (isStrict && digest !== undefined && !digests.includes(digest)) return undefined;
  return {
    id,
    digest: digest ?? digests[0] ?? id,
    hasHealthcheck: test.length > 0 && test[0] !== 'NONE',
    volumes: Object.keys(objectOf(config['Volumes'])),
    isAsked: false,
  };
}

/** Under which that repository knows it. */
function digestsOf(all: readonly unknown[], repository: string): readonly string[] {
  const wanted = fullRepository(repository);
  return all
    .map((entry) => (textOf(entry) ?? '').split('@'))
    .filter(([name = '']) => fullRepository(name) === wanted)
    .flatMap(([, digest]) => (digest === undefined ? [] : [digest]));
}

async function pull(
  http: EngineHttp,
  { ref, auth }: ImageRequest,
  name: ImageName,
  signal: AbortSignal,
  stallMs: number,
): Promise<void> {
  const began = await http.stream('POST', '/images/create', {
    query: { fromImage: name.repository, tag: name.digest ?? name.tag },
    headers: authHeader(auth, name.repository),
    timeoutMs: stallMs,
    signal,
  });
  if ('refusal' in began) throw pullRefusal(ref, messageOf(began.refusal));
  const { stream } = began;
  stream.setEncoding('utf8');
  const stalled = () =>
    stream.destroy(
      new AppError('TIMED_OUT', `${ref}: nothing came of it for ${stallMs / 1_000} s.`),
    );
  let timer = setTimeout(stalled, stallMs);
  let rest = '';
  try {
    for await (const chunk of stream) {
      clearTimeout(timer);
      timer = setTimeout(stalled, stallMs);
      const lines = (rest + String(chunk)).split('\n');
      rest = (lines.pop() ?? '').slice(0, MAX_PROGRESS_LINE_LENGTH);
      for (const line of lines) throwIfRefused(ref, line);
    }
    throwIfRefused(ref, rest);
  } catch (error) {
    signal.throwIfAborted();
    throw asUnreachable(error);
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}

/** A pull that has begun well may end badly, and only its last words tell. */
function throwIfRefused(ref: string, line: string): void {
  const { error, errorDetail } = objectOf(parsed(line));
  const message = textOf(error) ?? textOf(objectOf(errorDetail)['message']);
  if (message !== undefined) throw pullRefusal(ref, message);
}

function authHeader(auth: ImageRequest['auth'], repository: string): Record<string, string> {
  if (!auth) return {};
  const credentials = { ...auth, serveraddress: registryOf(repository) };
  return { 'x-registry-auth': urlBase64(JSON.stringify(credentials)) };
}

/** With the padding that Node leaves out: Docker takes a header without it for none, and says nothing. */
function urlBase64(text: string): string {
  return Buffer.from(text).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}
