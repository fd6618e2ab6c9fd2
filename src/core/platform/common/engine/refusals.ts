import type { EngineAnswer } from './engine-http.js';

import { AppError } from '../../../types/errors/app-error.js';
import { type ErrorCode } from '../../../types/errors/codes.js';
import { objectOf, textOf } from './json.js';

const MAX_MESSAGE_LENGTH = 500;

/** What engines, runtimes and registries say, and none of them by a code; the first that fits counts. */
const PULL_REFUSALS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/no space left on device|disk quota exceeded/i, 'DISK_FULL'],
  [/invalid reference|must be lowercase|normalizing name|invalid tag/i, 'INPUT_INVALID'],
  [
    /unauthorized|authentication required|no basic auth|denied|incorrect username|\b40[13]\b/i,
    'REGISTRY_DENIED',
  ],
  [
    /manifest unknown|name unknown|not found|no such image|unknown to registry/i,
    'CONTAINER_IMAGE_NOT_FOUND',
  ],
  [/no match(?:ing manifest)? for|no image found in manifest/i, 'CONTAINER_IMAGE_NOT_FOUND'],
];

const START_REFUSALS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/address already in use|port is already allocated/i, 'PORT_TAKEN'],
  [/no space left on device|disk quota exceeded/i, 'DISK_FULL'],
  // The engine was killed in the midst of an earlier start, and never gets over what that has left.
  [
    /^task \S+ already exists|\bid already in use|container with given ID already exists/i,
    'RUNTIME_CONFLICT',
  ],
];

/** In the engine's own words, without what a terminal obeys. */
export function messageOf(answer: EngineAnswer): string {
  const { message, cause } = objectOf(answer.body);
  return tidy(textOf(message) ?? textOf(cause) ?? `HTTP ${answer.status}`);
}

/** What became of a pull, by what the engine said of it. */
export function pullRefusal(ref: string, message: string): AppError {
  const [, code = 'REGISTRY_UNREACHABLE'] =
    PULL_REFUSALS.find(([words]) => words.test(message)) ?? [];
  return new AppError(code, `${ref} cannot be had: ${tidy(message)}`, { image: ref });
}

/** Why a container did not start. */
export function startRefusal(answer: EngineAnswer): AppError {
  const message = messageOf(answer);
  if (answer.status === 404) return notFound(message);
  const [, code] = START_REFUSALS.find(([words]) => words.test(message)) ?? [];
  if (code) return new AppError(code, message);
  return new AppError('CONTAINER_START_FAILED', message, { exitCode: startExitCode(message) });
}

/** As a shell has it: 127 for what is not there, 126 for what cannot be run. */
export function startExitCode(message: string): number {
  return /no such file or directory|not found/i.test(message) ? 127 : 126;
}

/** Why a container was not made. */
export function createRefusal(answer: EngineAnswer, image: string): AppError {
  const message = messageOf(answer);
  if (answer.status === 404) {
    return new AppError('CONTAINER_IMAGE_NOT_FOUND', message, { image });
  }
  if (/no space left on device|disk quota exceeded/i.test(message)) {
    return new AppError('DISK_FULL', message);
  }
  return new AppError('INPUT_INVALID', message);
}

export function notFound(message: string): AppError {
  return new AppError('RUNTIME_NOT_FOUND', message);
}

/** An answer that nothing else is known of: the engine is there, and has failed at this call. It says nothing of any other. */
export function engineFailure(answer: EngineAnswer): AppError {
  const { status } = answer;
  return new AppError('ENGINE_FAILED', `The container engine fails: ${messageOf(answer)}`, {
    status,
  });
}

function tidy(message: string): string {
  return message
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\p{C}/gu, '')
    .trim()
    .slice(0, MAX_MESSAGE_LENGTH);
}
