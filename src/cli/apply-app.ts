import type { SyntropyClient } from '../client/client.js';
import type { OperationInput, OperationOutput } from '../contract/registry.js';
import type { Container, ContainerSpec } from '../contract/schemas/container.js';
import type { Column } from './table.js';

import { AppError } from '../core/types/errors/app-error.js';
import { allPages, PAGE_LIMIT } from './pages.js';
import { APP_LABEL } from './app-file/read.js';
import { callOptions } from './flags.js';

type ApplyInput = OperationInput<'containers.apply'>;
type Plan = OperationOutput<'containers.plan'>;
export type Applied = OperationOutput<'containers.apply'>;

interface KeyFlag {
  readonly 'idempotency-key'?: string | undefined;
}

export const appliedColumns: readonly Column<Applied>[] = [
  { title: 'NAME', value: ({ container }) => container.name },
  { title: 'OUTCOME', value: ({ outcome }) => outcome },
  { title: 'STATUS', value: ({ container }) => container.status },
  { title: 'NODES', value: ({ container }) => container.nodes.map(({ name }) => name).join(',') },
];

/**
 * Has each container checked by itself before anything is changed. What one of them takes, the next is not told: two that only together are too
 * much, or want one port of one node, are found out by `applyAll`.
 * @throws {AppError} as `containers.plan`, with the name of the container.
 */
export async function planAll(client: SyntropyClient, containers: readonly ApplyInput[]) {
  const plans = [];
  for (const input of containers) {
    plans.push(
      await client.call('containers.plan', input).catch((error: unknown) => {
        throw naming(input.name, error);
      }),
    );
  }
  return plans;
}

/**
 * Makes containers what they are to be, in their order.
 * @throws {AppError} as `containers.apply`, with the name of the container, and of those that were done before.
 */
export async function applyAll(
  client: SyntropyClient,
  containers: readonly ApplyInput[],
  flags: KeyFlag,
): Promise<readonly Applied[]> {
  const applied: Applied[] = [];
  for (const input of containers) {
    const options = callOptions(keyFor(flags, input.name));
    applied.push(
      await client.call('containers.apply', input, options).catch((error: unknown) => {
        throw naming(input.name, error, applied);
      }),
    );
  }
  return applied;
}

/**
 * What the containers are made of that there are already, by their names. A container that somebody made by another way, or of another app, is not taken over because its name is one of the file's.
 * @param app - absent: the file names none, and its services are whatever has their names, but for what is of an app.
 * @throws {AppError} CONTAINER_NAME_TAKEN.
 */
export async function ownSpecs(
  client: SyntropyClient,
  app: string | undefined,
  plans: readonly Plan[],
): Promise<ReadonlyMap<string, ContainerSpec>> {
  const specs = new Map<string, ContainerSpec>();
  for (const { name } of plans.filter(({ action }) => action !== 'create')) {
    const { id, labels, spec } = await client.call('containers.get', { container: name });
    const of = labels[APP_LABEL];
    specs.set(name, spec);
    if (of === app) continue;
    const whose = of === undefined ? 'of no app' : `of the app ${of}`;
    throw new AppError(
      'CONTAINER_NAME_TAKEN',
      `${name}: There is a container of that name, which is ${whose}. Nothing was changed.`,
      { container: id, name },
    );
  }
  return specs;
}

/** Containers of one's own that belong to the app and are not in its file any more. */
export async function orphansOf(
  client: SyntropyClient,
  app: string,
  containers: readonly ApplyInput[],
): Promise<readonly Container[]> {
  const { member } = await client.call('sessions.get', {});
  const all = await allPages(
    (cursor) =>
      client.call('containers.list', {
        label: `${APP_LABEL}=${app}`,
        ...cursor,
        limit: PAGE_LIMIT,
      }),
    (page) => page.containers,
  );
  const names = new Set(containers.map(({ name }) => name));
  return all.filter(
    ({ name, owner, desired }) =>
      owner.id === member.id && desired !== 'removed' && !names.has(name),
  );
}

/** Removes them; their volumes stay. @throws {AppError} as `containers.remove`. */
export async function removeAll(
  client: SyntropyClient,
  containers: readonly Container[],
  flags: KeyFlag,
): Promise<readonly Container[]> {
  const removed: Container[] = [];
  for (const { id, name } of containers) {
    const options = callOptions(keyFor(flags, name));
    removed.push(await client.call('containers.remove', { container: id }, options));
  }
  return removed;
}

/** One key for each call, so that each happens once. */
function keyFor(flags: KeyFlag, name: string): KeyFlag {
  const key = flags['idempotency-key'];
  return key === undefined ? {} : { 'idempotency-key': `${key}-${name}` };
}

function naming(name: string, error: unknown, applied: readonly Applied[] = []): unknown {
  if (!(error instanceof AppError)) return error;
  const done = applied.map(({ container }) => container.name).join(', ');
  return new AppError(
    error.code,
    `${name}: ${error.message}${done === '' ? ' Nothing was changed.' : ` Done before it: ${done}.`}`,
    { ...error.details, container: name, ...(done === '' ? {} : { applied: done }) },
    { cause: error },
  );
}
