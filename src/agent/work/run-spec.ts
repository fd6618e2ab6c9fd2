import path from 'node:path';

import type {
  FoundImage,
  LeaseCgroup,
  RunMount,
  RunSpec,
} from '../../core/services/container/runtime.ports.js';

import { runName } from '../../core/services/container/run-name.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { type Held, volumesOf } from './lease.js';

/** In the place of a root that can be written. It counts as memory of the container. */
const TMPFS = ['/tmp', '/run', '/var/tmp'];
const TMPFS_BYTES = 64 * 2 ** 20;
const LOG = { maxBytes: 10_000_000, files: 3 };

/** What of a container is known only on its node. */
export interface OnThisNode {
  /** Id of the node. */
  readonly node: string;
  /** Of the image, as the engine knows it. */
  readonly imageId: string;
  /** Where the image has volumes of its own. */
  readonly imageVolumes: readonly string[];
  /** Where folders of this machine really are, by what they are called in the spec. */
  readonly binds: ReadonlyMap<string, string>;
  /** Where the file of each secret is, by its name. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly cgroup: LeaseCgroup | undefined;
}

/** A container of the grid as an engine is told to make it: with nothing that its spec does not ask for. */
export function runSpec(held: Held, here: OnThisNode): RunSpec {
  const { lease, container, replica, specHash, spec } = held;
  const { confinement } = spec;
  const labels = {
    node: here.node,
    lease,
    container: container.id,
    replica: String(replica),
    specHash,
  };
  return {
    name: runName(container.name, labels),
    labels,
    imageId: here.imageId,
    ...(spec.command ? { command: spec.command } : {}),
    ...(spec.args ? { args: spec.args } : {}),
    env: spec.env,
    mounts: mounts(held, here),
    ports: spec.ports,
    hostname: hostname(container.name, replica),
    ...(spec.workingDir === undefined ? {} : { workingDir: spec.workingDir }),
    ...(confinement.user === undefined ? {} : { user: confinement.user }),
    ...(here.cgroup?.holdsCpu === true ? {} : { cpuMillis: spec.cpuMillis }),
    memoryBytes: spec.memoryBytes,
    pidsLimit: confinement.pidsLimit,
    restart: spec.restart,
    ...(spec.maxRestarts === undefined ? {} : { maxRestarts: spec.maxRestarts }),
    stopSeconds: spec.stopSeconds,
    capAdd: confinement.capAdd,
    writableRoot: confinement.writableRoot,
    allowPrivilegeEscalation: confinement.allowPrivilegeEscalation,
    ...(here.cgroup ? { cgroupParent: here.cgroup.parent } : {}),
    log: LOG,
  };
}

/**
 * An engine makes a volume without a name wherever an image wants one and nothing is mounted: nobody asked for that room on the owner's disk, and what is
 * in it is gone with the next update, in silence. A database that is deployed without a place for its data is a mistake to be told of.
 * @throws {AppError} VOLUME_REQUIRED.
 */
export function requireVolumes({ spec }: Held, { volumes }: Pick<FoundImage, 'volumes'>): void {
  const mounted = new Set([...spec.volumes.map(({ target }) => folder(target)), ...TMPFS]);
  const missing = volumes.map(folder).find((target) => !mounted.has(target));
  if (missing === undefined) return;
  throw new AppError(
    'VOLUME_REQUIRED',
    `${spec.image} keeps data in ${missing}: give it a volume there.`,
    { image: spec.image, target: missing },
  );
}

/** `/data/` is `/data`. */
function folder(target: string): string {
  return path.posix.normalize(target).replace(/(?<=.)\/$/, '');
}

/** What the engine calls a volume. All replicas on one node share it, and the next container that takes it up finds it by that. */
export function volumeName(of: Held, name: string): string {
  return `syntropy-${volumesOf(of)}-${name}`;
}

/** Where a container finds a secret. */
export function secretTarget({ name, target }: { name: string; target?: string }): string {
  return target ?? `/run/secrets/${name}`;
}

/** A host name has 63 characters at most. */
function hostname(name: string, replica: number): string {
  const suffix = replica > 1 ? `-${replica}` : '';
  return `${name.slice(0, 63 - suffix.length)}${suffix}`;
}

function mounts(held: Held, { binds, secrets, imageVolumes }: OnThisNode): readonly RunMount[] {
  const { spec } = held;
  const volumes = spec.volumes.map(({ source, target, readOnly }): RunMount => {
    const real = binds.get(source);
    return real === undefined
      ? { kind: 'volume', source: volumeName(held, source), target, readOnly }
      : { kind: 'bind', source: real, target, readOnly };
  });
  const files = spec.secrets.flatMap((secret): RunMount[] => {
    const source = secrets.get(secret.name);
    if (source === undefined) return [];
    return [{ kind: 'bind', source, target: secretTarget(secret), readOnly: true }];
  });
  const taken = new Set(spec.volumes.map(({ target }) => folder(target)));
  const wanted = new Set(imageVolumes.map(folder));
  // Where the image would have a volume for what is to be forgotten, memory does, also on a root that can be written.
  const scratch = TMPFS.filter((target) => !taken.has(target))
    .filter((target) => !spec.confinement.writableRoot || wanted.has(target))
    .map((target): RunMount => ({ kind: 'tmpfs', target, sizeBytes: TMPFS_BYTES }));
  return [...scratch, ...volumes, ...files];
}
