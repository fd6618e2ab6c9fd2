import type { FoundImage, ImageRequest } from '../../../services/container/runtime.ports.js';
import type { EngineHttp } from './engine-http.js';

import { AppError } from '../../../types/errors/app-error.js';
import { asUnreachable } from './engine-http.js';
import { fullRepository, imageName, type ImageName, registryOf } from './image-name.js';
import { listOf, objectOf, parsed, textOf } from './json.js';
import { engineFailure, messageOf, pullRefusal } from './refusals.js';

/** A pull may take as long as it needs, but not without a word of it. */
const STALL_MS = 120_000;
const MAX_PROGRESS_LINE_LENGTH = 64 << 10;
const CONTENT_DIGEST = /^sha256:[0-9a-f]{64}$/;

/** As `ContainerRuntime.ensureImage`. */
export async function ensureImage(
  http: EngineHttp,
  request: ImageRequest,
  signal: AbortSignal,
  stallMs = STALL_MS,
): Promise<FoundImage> {
  const name = imageName(request.ref);
  const digest = request.digest ?? name.digest;
  if (digest !== undefined && !CONTENT_DIGEST.test(digest)) {
    throw new AppError('INPUT_INVALID', `"${digest.slice(0, 100)}" is no digest of an image.`);
  }
  // What has a digest never changes: there is nothing to ask the registry for.
  const isEnough = request.policy !== 'always' || digest !== undefined;
  const here = isEnough ? await find(http, name, digest) : undefined;
  if (here) return here;
  if (request.policy === 'never') {
    throw new AppError(
      'CONTAINER_IMAGE_NOT_FOUND',
      `${request.ref} is not on this machine, and is not to be fetched.`,
      { image: request.ref },
    );
  }
  await pull(http, request, { ...name, digest }, signal, stallMs);
  const pulled = await find(http, name, digest);
  if (pulled) return pulled;
  throw pullRefusal(request.ref, 'the engine has fetched it, and does not have it: not found');
}

async function find(
  http: EngineHttp,
  name: ImageName,
  digest: string | undefined,
): Promise<FoundImage | undefined> {
  if (digest === undefined) return look(http, `${name.repository}:${name.tag}`, name, undefined);
  // An image that no registry knows goes by its id.
  return (
    (await look(http, `${name.repository}@${digest}`, name, digest)) ??
    (await look(http, digest, name, digest))
  );
}

async function look(
  http: EngineHttp,
  ref: string,
  name: ImageName,
  digest: string | undefined,
): Promise<FoundImage | undefined> {
  const answer = await http.call('GET', `/images/${ref}/json`);
  if (answer.status === 404) return undefined;
  const image = objectOf(answer.body);
  const id = textOf(image['Id']);
  if (answer.status !== 200 || id === undefined) throw engineFailure(answer);
  const test = listOf(objectOf(objectOf(image['Config'])['Healthcheck'])['Test']);
  return {
    id,
    digest: digest ?? digestOf(listOf(image['RepoDigests']), name.repository) ?? id,
    hasHealthcheck: test.length > 0 && test[0] !== 'NONE',
  };
}

function digestOf(all: readonly unknown[], repository: string): string | undefined {
  const wanted = fullRepository(repository);
  return all
    .map((entry) => (textOf(entry) ?? '').split('@'))
    .find(([name = '', digest]) => digest !== undefined && fullRepository(name) === wanted)?.[1];
}

async function pull(
  http: EngineHttp,
  { ref, auth }: ImageRequest,
  name: ImageName,
  signal: AbortSignal,
  stallMs: number,
): Promise<void> {
  const credentials = auth && { ...auth, serveraddress: registryOf(name.repository) };
  const header = credentials && urlBase64(JSON.stringify(credentials));
  const began = await http.stream('POST', '/images/create', {
    query: { fromImage: name.repository, tag: name.digest ?? name.tag },
    headers: header === undefined ? {} : { 'x-registry-auth': header },
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

/** With the padding that Node leaves out: Docker takes a header without it for none, and says nothing. */
function urlBase64(text: string): string {
  return Buffer.from(text).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}
