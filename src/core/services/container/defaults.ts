import type { Confinement, ContainerSpec, PublishedPort } from '../../types/models/container.js';
import type { Demand } from './container.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { canonicalJson } from './canonical.js';

const MIB = 2 ** 20;
/** More processes than this are a default given up. */
const PIDS_LIMIT_CONFINED = 4_096;
/** A spec, and all the secrets that go with it: both are one frame to an agent, of which secrets take a third more than they are. */
const MAX_SPEC_BYTES = 64 << 10;
const MAX_SECRETS_BYTES = 112 << 10;
/** After how long without a word of its node a replica is placed elsewhere, unless said otherwise. */
export const LOST_AFTER_SECONDS = 300;

/** What may be left out, may be given as undefined too. */
type Loose<T> = { readonly [Key in keyof T]?: T[Key] | undefined };

/** A container as it is asked for: what is left out is as the defaults have it. */
export type AskedSpec = Omit<Loose<ContainerSpec>, 'image' | 'confinement'> & {
  readonly image: string;
  readonly confinement?: Loose<Confinement> | undefined;
};

/** What is to be otherwise; null takes an optional part away. */
export type SpecChange = {
  readonly [Key in Exclude<keyof ContainerSpec, 'confinement'>]?:
    | ContainerSpec[Key]
    | null
    | undefined;
} & {
  readonly confinement?: Loose<Confinement> | undefined;
  readonly removeEnv?: readonly string[] | undefined;
};

const DEFAULTS: Omit<ContainerSpec, 'image'> = {
  env: {},
  secrets: [],
  ports: [],
  volumes: [],
  cpuMillis: 500,
  memoryBytes: 256 * MIB,
  restart: 'unless-stopped',
  pull: 'missing',
  stopSeconds: 10,
  updateOrder: 'auto',
  confinement: {
    capAdd: [],
    writableRoot: false,
    allowPrivilegeEscalation: false,
    pidsLimit: 256,
  },
};

/** The whole of what was asked for. @throws {AppError} INPUT_INVALID where its parts do not go together. */
export function specOf({ confinement, ...asked }: AskedSpec): ContainerSpec {
  return requireSound({
    ...DEFAULTS,
    ...given(asked),
    confinement: { ...DEFAULTS.confinement, ...given(confinement ?? {}) },
  });
}

/** A spec after a change: environment and confinement part by part, everything else as a whole. @throws {AppError} INPUT_INVALID. */
export function changedSpec(before: ContainerSpec, change: SpecChange): ContainerSpec {
  const { confinement, removeEnv = [], env, ...rest } = change;
  const kept = Object.entries({ ...before.env, ...env }).filter(
    ([key]) => !removeEnv.includes(key),
  );
  const merged = {
    ...before,
    ...given(rest),
    env: Object.fromEntries(kept),
    confinement: { ...before.confinement, ...given(confinement ?? {}) },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- null, which takes an optional part away, is gone from here on
  const spec = withoutNulls(merged) as ContainerSpec;
  return requireSound(spec.restart === 'on-failure' ? spec : without(spec, 'maxRestarts'));
}

/** Names of the parts in which two specs differ. */
export function changedParts(before: ContainerSpec, after: ContainerSpec): readonly string[] {
  const one = new Map<string, unknown>(Object.entries(before));
  const other = new Map<string, unknown>(Object.entries(after));
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((key) => canonicalJson(one.get(key) ?? null) !== canonicalJson(other.get(key) ?? null))
    .toSorted();
}

/** Which safe defaults are given up, in words that an audit log can keep. */
export function unconfinedParts({ confinement, volumes }: ContainerSpec): readonly string[] {
  return [
    ...confinement.capAdd.map((capability) => `capability ${capability}`),
    ...(confinement.writableRoot ? ['writable root'] : []),
    ...(confinement.allowPrivilegeEscalation ? ['privilege escalation'] : []),
    ...(confinement.pidsLimit > PIDS_LIMIT_CONFINED ? [`${confinement.pidsLimit} processes`] : []),
    ...volumes.filter(isBind).map(({ source }) => `folder ${source}`),
  ];
}

/** What one replica reserves of its node. */
export function demandOf({ cpuMillis, memoryBytes, ports }: ContainerSpec): Demand {
  return { cpuMillis, memoryBytes, hostPorts: ports.flatMap(hostPort) };
}

/** The more of both, for as long as either may run. */
export function bothDemands(one: Demand, other: Demand): Demand {
  return {
    cpuMillis: Math.max(one.cpuMillis, other.cpuMillis),
    memoryBytes: Math.max(one.memoryBytes, other.memoryBytes),
    hostPorts: [...new Set([...one.hostPorts, ...other.hostPorts])].toSorted(),
  };
}

/** Names of all the secrets that it needs. */
export function secretsOf({ secrets, registryAuth }: ContainerSpec): readonly string[] {
  const names = secrets.map(({ name }) => name);
  return [...new Set(registryAuth === undefined ? names : [...names, registryAuth])];
}

/** Whether what it writes stays on one node. */
export function isBound({ volumes }: ContainerSpec): boolean {
  return volumes.some(({ readOnly, source }) => !readOnly || !isBind({ source }));
}

/** @param bytes - of all the secrets that one container needs. @throws {AppError} INPUT_INVALID. */
export function requireSecretsFit(bytes: number, container: string): void {
  if (bytes <= MAX_SECRETS_BYTES) return;
  throw invalid(
    'secrets',
    `The secrets of "${container}" are ${bytes} bytes together; a container has ${MAX_SECRETS_BYTES} at most.`,
  );
}

function isBind({ source }: { readonly source: string }): boolean {
  return source.startsWith('/');
}

function hostPort({ host, protocol }: PublishedPort): readonly string[] {
  return host === undefined ? [] : [`${host}/${protocol}`];
}

/** @throws {AppError} INPUT_INVALID. */
function requireSound(spec: ContainerSpec): ContainerSpec {
  requireOnce('ports', 'host port', spec.ports.flatMap(hostPort));
  requireOnce('volumes', 'folder in the container', targetsOf(spec));
  if (new TextEncoder().encode(canonicalJson(spec)).byteLength > MAX_SPEC_BYTES) {
    throw invalid(
      'env',
      `Its environment, command and all else are ${MAX_SPEC_BYTES} bytes together at most.`,
    );
  }
  if (spec.maxRestarts !== undefined && spec.restart !== 'on-failure') {
    throw invalid('maxRestarts', '"maxRestarts" goes with the restart policy "on-failure".');
  }
  return spec;
}

function targetsOf({ volumes, secrets }: ContainerSpec): readonly string[] {
  const files = secrets.map(({ name, target }) => target ?? `/run/secrets/${name}`);
  return [...volumes.map(({ target }) => target), ...files];
}

function requireOnce(field: string, what: string, values: readonly string[]): void {
  const twice = values.find((value, at) => values.indexOf(value) !== at);
  if (twice !== undefined) throw invalid(field, `The ${what} ${twice} is named twice.`);
}

function invalid(field: string, message: string): AppError {
  return new AppError('INPUT_INVALID', message, { field });
}

function given<T extends object>(parts: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is undefined is gone from here on
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]: Exclude<T[Key], undefined>;
  };
}

function withoutNulls(parts: object): object {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== null));
}

function without<T extends object, Key extends keyof T>(parts: T, key: Key): Omit<T, Key> {
  const { [key]: _, ...rest } = parts;
  return rest;
}
