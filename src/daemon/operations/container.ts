import type { OperationInput } from '../../contract/registry.js';
import type { ContainerService } from '../../core/services/container/container.service.js';
import type { DeployRequest, DeployService } from '../../core/services/container/deploy.service.js';
import type { ContainerDetails } from '../../core/types/models/container.js';
import type { Handlers, Note } from '../dispatch.js';

import { unconfinedParts } from '../../core/services/container/defaults.js';
import { decodeCursor, encodeCursor } from '../page-cursor.js';

const DEFAULT_LIMIT = 100;

type Looks = 'containers.list' | 'containers.get' | 'containers.history' | 'containers.usage';
type Deploys =
  | 'containers.plan'
  | 'containers.deploy'
  | 'containers.apply'
  | 'containers.update'
  | 'containers.rollback';
type Orders =
  | 'containers.scale'
  | 'containers.start'
  | 'containers.stop'
  | 'containers.restart'
  | 'containers.remove';

/** Containers: from the contract to the rules and back. */
export function containerHandlers(
  containers: ContainerService,
  deployments: DeployService,
): Pick<Handlers, Looks | Deploys | Orders> {
  return { ...looks(containers), ...deploys(containers, deployments), ...orders(containers) };
}

function looks(containers: ContainerService): Pick<Handlers, Looks> {
  return {
    'containers.list': async ({ status, node, label, removed, cursor, limit = DEFAULT_LIMIT }) => {
      const page = await containers.list({
        ...(status === undefined ? {} : { status }),
        ...(node === undefined ? {} : { node }),
        ...(label === undefined ? {} : { label: labelFilter(label) }),
        removed: removed ?? (status === 'failed' || status === 'removed'),
        ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }),
        limit: limit + 1,
      });
      const shown = page.slice(0, limit);
      const last = shown.at(-1);
      return {
        containers: shown,
        ...(page.length > limit && last ? { nextCursor: encodeCursor(last.name) } : {}),
      };
    },
    'containers.get': ({ container }) => containers.get(container),
    'containers.history': ({ container }) => containers.history(container),
    'containers.usage': ({ container, sinceSeconds }) => containers.usage(container, sinceSeconds),
  };
}

function deploys(
  containers: ContainerService,
  deployments: DeployService,
): Pick<Handlers, Deploys> {
  return {
    'containers.plan': (input, { subject }) => deployments.plan(requestOf(input), subject),
    'containers.deploy': async (input, { subject }, note) => {
      const made = await deployments.deploy(requestOf(input), subject);
      noteWhat(note, made);
      return made;
    },
    'containers.apply': async (input, { subject }, note) => {
      const applied = await deployments.apply(requestOf(input), subject);
      noteWhat(note, applied.container);
      return applied;
    },
    'containers.update': async (input, { subject }, note) => {
      const { container, labels, removeLabels, ifVersion, ...change } = input;
      const request = { change, labels, removeLabels, ifVersion };
      const updated = await containers.update(container, request, subject);
      noteWhat(note, updated);
      return updated;
    },
    'containers.rollback': async ({ container, ...request }, { subject }, note) => {
      const back = await containers.rollback(container, request, subject);
      noteWhat(note, back);
      return back;
    },
  };
}

function orders(containers: ContainerService): Pick<Handlers, Orders> {
  return {
    'containers.scale': ({ container, replicas, ifVersion }) =>
      containers.scale(container, replicas, ifVersion),
    'containers.start': ({ container }) => containers.start(container),
    'containers.stop': ({ container }) => containers.stop(container),
    'containers.restart': ({ container, replica }) => containers.restart(container, replica),
    'containers.remove': ({ container, volumes = false, ifVersion }) =>
      containers.remove(container, { volumes, ifVersion }),
  };
}

/** Which container it is by its id, and what of its safe defaults is given up. */
function noteWhat(note: Note, { id, spec }: ContainerDetails): void {
  const parts = unconfinedParts(spec);
  note({
    object: { kind: 'container', ref: id },
    ...(parts.length === 0 ? {} : { remark: `unconfined: ${parts.join(', ')}` }),
  });
}

function requestOf(input: OperationInput<'containers.deploy'>): DeployRequest {
  const { name, labels, replicas, node, selector, lostAfterSeconds, payFrom, ...spec } = input;
  return { name, spec, labels, replicas, node, selector, lostAfterSeconds, payFrom };
}

function labelFilter(text: string): { key: string; value?: string } {
  const at = text.indexOf('=');
  return at < 0 ? { key: text } : { key: text.slice(0, at), value: text.slice(at + 1) };
}
