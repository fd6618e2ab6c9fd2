import type { RunMount, RunSpec } from '../../../services/container/runtime.ports.js';
import type { Dialect } from './dialect.js';

const NANOS_OF_A_MILLI_CPU = 1_000_000;

/** Labels of `RunLabels`, as they are written on a container. */
export const LABELS = {
  node: 'syntropy.node',
  lease: 'syntropy.lease',
  container: 'syntropy.container',
  replica: 'syntropy.replica',
  specHash: 'syntropy.spec-hash',
} as const;

/** What an engine is told to make (Engine API, `ContainerCreate`). What the spec does not say is said here all the same, and does not depend on the engine's settings. */
export function containerBody(spec: RunSpec, dialect: Dialect) {
  return {
    Image: spec.imageId,
    ...(spec.command ? { Entrypoint: spec.command } : {}),
    ...(spec.args ? { Cmd: spec.args } : {}),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Hostname: spec.hostname,
    ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    Labels: {
      [LABELS.node]: spec.labels.node,
      [LABELS.lease]: spec.labels.lease,
      [LABELS.container]: spec.labels.container,
      [LABELS.replica]: spec.labels.replica,
      [LABELS.specHash]: spec.labels.specHash,
    },
    StopTimeout: spec.stopSeconds,
    // The agent looks at its health, on every engine in the same way.
    Healthcheck: { Test: ['NONE'] },
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [portKey(port), {}])),
    HostConfig: hostConfig(spec, dialect),
  };
}

function hostConfig(spec: RunSpec, dialect: Dialect) {
  return {
    CapDrop: ['ALL'],
    CapAdd: spec.capAdd,
    SecurityOpt: spec.allowPrivilegeEscalation ? [] : ['no-new-privileges'],
    Privileged: false,
    ReadonlyRootfs: !spec.writableRoot,
    IpcMode: 'private',
    PidsLimit: spec.pidsLimit,
    Memory: spec.memoryBytes,
    // The same number: no swap beside it.
    MemorySwap: spec.memoryBytes,
    ...(spec.cpuMillis === undefined ? {} : { NanoCpus: spec.cpuMillis * NANOS_OF_A_MILLI_CPU }),
    ...(spec.cgroupParent === undefined ? {} : { CgroupParent: spec.cgroupParent }),
    RestartPolicy: {
      Name: spec.restart,
      MaximumRetryCount: spec.restart === 'on-failure' ? (spec.maxRestarts ?? 0) : 0,
    },
    LogConfig: dialect.logConfig(spec.log),
    PortBindings: portBindings(spec),
    Mounts: spec.mounts.flatMap(mountOf),
    Tmpfs: Object.fromEntries(spec.mounts.flatMap(tmpfsOf)),
  };
}

function portKey({ container, protocol }: RunSpec['ports'][number]): string {
  return `${container}/${protocol}`;
}

/** A port without one at the host has it chosen by the engine: to it, an empty text is any that is free. */
function portBindings(spec: RunSpec) {
  const bindings: Record<string, { readonly HostPort: string }[]> = {};
  for (const port of spec.ports) {
    const HostPort = port.host === undefined ? '' : String(port.host);
    bindings[portKey(port)] = [...(bindings[portKey(port)] ?? []), { HostPort }];
  }
  return bindings;
}

function mountOf(mount: RunMount) {
  if (mount.kind === 'tmpfs') return [];
  const { source: Source, target: Target, readOnly: ReadOnly } = mount;
  if (mount.kind === 'volume') return [{ Type: 'volume', Source, Target, ReadOnly }];
  // What is mounted in the container later stays there.
  return [{ Type: 'bind', Source, Target, ReadOnly, BindOptions: { Propagation: 'rprivate' } }];
}

/**
 * `exec`, which is not the engine's default: runtimes unpack and run native code there (Java, wheels of Python, addons of Node), and where there is an
 * interpreter to hand a file to, `noexec` stops nobody.
 */
function tmpfsOf(mount: RunMount): readonly (readonly [string, string])[] {
  if (mount.kind !== 'tmpfs') return [];
  return [[mount.target, `rw,exec,nosuid,nodev,mode=1777,size=${mount.sizeBytes}`]];
}
