import { existsSync } from 'node:fs';

import type { ContainerRuntime } from '../../../services/container/runtime.ports.js';

import { AppError } from '../../../types/errors/app-error.js';
import { docker, podman } from './dialect.js';
import { EngineHttp } from './engine-http.js';
import { EngineRuntime } from './engine-runtime.js';
import { listOf, objectOf, textOf } from './json.js';
import { engineFailure } from './refusals.js';

/** Of Docker 20.10 and Podman 4; newer engines speak it too, until they say otherwise. */
const OLDEST_API = '1.41';
const USUAL_SOCKETS = ['/var/run/docker.sock', '/run/podman/podman.sock'] as const;
const FIRST_WORD_TIMEOUT_MS = 10_000;

/** The engine that listens there, whichever it is. @throws {AppError} ENGINE_MISSING, ENGINE_UNREACHABLE, TIMED_OUT, CAPABILITY_MISSING (too old). */
export async function openRuntime(socketPath: string): Promise<ContainerRuntime> {
  const http = new EngineHttp(socketPath);
  try {
    const answer = await http.call('GET', '/version', { timeoutMs: FIRST_WORD_TIMEOUT_MS });
    if (answer.status !== 200) throw engineFailure(answer);
    const version = objectOf(answer.body);
    const newest = textOf(version['ApiVersion']) ?? '';
    if (isBefore(newest, OLDEST_API)) {
      throw new AppError(
        'CAPABILITY_MISSING',
        `The container engine at ${socketPath} speaks version ${newest || 'none'} of the API; ${OLDEST_API} (Docker 20.10, Podman 4) is the oldest that will do.`,
      );
    }
    const oldest = textOf(version['MinAPIVersion']) ?? OLDEST_API;
    http.speak(isBefore(OLDEST_API, oldest) ? oldest : OLDEST_API);
    const isPodman = listOf(version['Components']).some((component) =>
      (textOf(objectOf(component)['Name']) ?? '').startsWith('Podman'),
    );
    return new EngineRuntime(http, isPodman ? podman : docker);
  } catch (error) {
    http.close();
    if (existsSync(socketPath)) throw error;
    throw new AppError('ENGINE_MISSING', `There is no container engine at ${socketPath}.`);
  }
}

/**
 * The engine of this machine: the named one, else the first of the usual places where one answers. Undefined where there is none at all.
 * @throws {AppError} as `openRuntime`: of the named one, or where none of those that are there answers.
 */
export async function findRuntime(explicit?: string): Promise<ContainerRuntime | undefined> {
  if (explicit !== undefined) return openRuntime(explicit);
  let failure: unknown;
  for (const socketPath of USUAL_SOCKETS.filter((place) => existsSync(place))) {
    try {
      return await openRuntime(socketPath);
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

function isBefore(version: string, other: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
