import { readFile } from 'node:fs/promises';

import type { OperationInput } from '../contract/registry.js';
import type { ContainerSpec } from '../contract/schemas/container.js';

import { AppError } from '../core/types/errors/app-error.js';
import {
  nameOfImage,
  parseCapabilities,
  parseRestart,
  parseSecretMount,
  parseSelector,
} from './container-words.js';
import { parseDuration, secondsOf } from './duration.js';
import {
  type EnvSource,
  envChange,
  envOf,
  linesOfEnvFile,
  MAX_ENV_FILE_CHARACTERS,
} from './env-file.js';
import { given } from './given.js';
import { healthDefaults } from './health-defaults.js';
import { labelChange, labelsOf } from './labels.js';
import { parsePort } from './ports.js';
import { parseCpus, parseMemory } from './quantities.js';
import { parseVolume } from './volumes.js';

export type DeployInput = OperationInput<'containers.deploy'>;
export type UpdateInput = Omit<OperationInput<'containers.update'>, 'container' | 'ifVersion'>;
type Health = NonNullable<ContainerSpec['health']>;
type Texts = readonly string[] | undefined;

/** What stands for an empty list in `container update`. */
const NONE = 'none';

interface HealthFlags {
  readonly 'health-cmd'?: string | undefined;
  readonly 'health-interval'?: string | undefined;
  readonly 'health-timeout'?: string | undefined;
  readonly 'health-retries'?: number | undefined;
  readonly 'health-start-period'?: string | undefined;
}

/** The flags of a spec as oclif answers them. */
export interface SpecFlags extends HealthFlags {
  readonly image?: string | undefined;
  readonly command?: Texts;
  readonly arg?: Texts;
  readonly env?: Texts;
  readonly 'env-file'?: Texts;
  readonly secret?: Texts;
  readonly publish?: Texts;
  readonly volume?: Texts;
  readonly cpus?: string | undefined;
  readonly memory?: string | undefined;
  readonly restart?: string | undefined;
  readonly label?: Texts;
  readonly pull?: ContainerSpec['pull'] | undefined;
  readonly 'registry-auth'?: string | undefined;
  readonly workdir?: string | undefined;
  readonly 'stop-timeout'?: string | undefined;
  readonly 'update-order'?: ContainerSpec['updateOrder'] | undefined;
  readonly user?: string | undefined;
  readonly 'cap-add'?: Texts;
  readonly 'writable-root'?: boolean | undefined;
  readonly 'allow-privilege-escalation'?: boolean | undefined;
  readonly 'pids-limit'?: number | undefined;
}

interface DeployFlags extends SpecFlags {
  readonly image: string;
  readonly name?: string | undefined;
  readonly replicas?: number | undefined;
  readonly node?: string | undefined;
  readonly selector?: Texts;
  readonly 'lost-after'?: string | undefined;
  readonly 'pay-from'?: string | undefined;
}

/**
 * What `containers.deploy` is asked for, from the flags. Files with variables are read here, because they are this person's.
 * @param words - what stood after `--`: more arguments.
 * @throws {AppError} USAGE_INVALID, FILE_NOT_FOUND.
 */
export async function deployRequest(
  flags: DeployFlags,
  words: readonly string[],
): Promise<DeployInput> {
  const { replicas, node, selector } = flags;
  const env = envOf(await envSources(flags), process.env);
  return given({
    name: flags.name ?? nameFor(flags.image),
    ...plainFields(flags, words),
    image: flags.image,
    env: orNothing(env),
    health: healthOf(flags, undefined),
    labels: flags.label && labelsOf(flags.label),
    replicas,
    node,
    selector: selector && parseSelector(selector),
    lostAfterSeconds: secondsOf(flags['lost-after'], 'lost-after'),
    payFrom: flags['pay-from'],
  });
}

/**
 * What `containers.update` is asked for, from the flags.
 * @param current - reads the health check as it is, of which a flag may change a part.
 * @throws {AppError} USAGE_INVALID, FILE_NOT_FOUND.
 */
export async function updateRequest(
  flags: SpecFlags & { readonly health?: boolean | undefined },
  words: readonly string[],
  current: () => Promise<Health | undefined>,
): Promise<UpdateInput> {
  if (flags.health === false && saysHealth(flags)) {
    throw new AppError('USAGE_INVALID', '--no-health leaves no health check to say more of.', {
      flag: '--no-health',
    });
  }
  const isPartial = flags['health-cmd'] === undefined && saysHealth(flags);
  const health =
    flags.health === false ? null : healthOf(flags, isPartial ? await current() : undefined);
  const change = given({
    ...plainFields(flags, words),
    image: flags.image,
    ...envChange(await envSources(flags), process.env),
    health,
    ...labelChange(flags.label ?? []),
  });
  if (Object.keys(change).length > 0) return change;
  throw new AppError('USAGE_INVALID', 'Nothing to change was said.');
}

/** The fields that are said the same way for a new container and for a change. */
function plainFields(flags: SpecFlags, words: readonly string[]) {
  const args = [...(flags.arg ?? []), ...words];
  return given({
    command: flags.command && [...flags.command],
    args: args.length === 0 ? undefined : args,
    secrets: listOf(flags.secret, (text) => parseSecretMount(text)),
    ports: listOf(flags.publish, (text) => parsePort(text)),
    volumes: listOf(flags.volume, (text) => parseVolume(text)),
    cpuMillis: flags.cpus === undefined ? undefined : parseCpus(flags.cpus),
    memoryBytes: flags.memory === undefined ? undefined : parseMemory(flags.memory),
    ...(flags.restart === undefined ? {} : parseRestart(flags.restart)),
    pull: flags.pull,
    registryAuth: flags['registry-auth'],
    workingDir: flags.workdir,
    stopSeconds: stopSeconds(flags['stop-timeout']),
    updateOrder: flags['update-order'],
    confinement: orNothing(
      given({
        user: flags.user,
        capAdd: listOf(flags['cap-add'], (text) => parseCapabilities(text))?.flat(),
        writableRoot: flags['writable-root'],
        allowPrivilegeEscalation: flags['allow-privilege-escalation'],
        pidsLimit: flags['pids-limit'],
      }),
    ),
  });
}

/** @throws {AppError} USAGE_INVALID when part of a check is said, and there is none. */
function healthOf(flags: HealthFlags, current: Health | undefined): Health | undefined {
  if (!saysHealth(flags)) return undefined;
  const command = flags['health-cmd'];
  const base =
    command === undefined ? current : { ...healthDefaults, command: ['/bin/sh', '-c', command] };
  if (!base) {
    throw new AppError('USAGE_INVALID', 'There is no health check to change: add --health-cmd.', {
      flag: '--health-cmd',
    });
  }
  return {
    ...base,
    ...given({
      intervalMs: ms(flags['health-interval'], 'health-interval'),
      timeoutMs: ms(flags['health-timeout'], 'health-timeout'),
      retries: flags['health-retries'],
      startPeriodMs: ms(flags['health-start-period'], 'health-start-period'),
    }),
  };
}

function ms(text: string | undefined, flag: string): number | undefined {
  return text === undefined ? undefined : parseDuration(text, flag);
}

function saysHealth(flags: HealthFlags): boolean {
  return (
    flags['health-cmd'] !== undefined ||
    flags['health-interval'] !== undefined ||
    flags['health-timeout'] !== undefined ||
    flags['health-retries'] !== undefined ||
    flags['health-start-period'] !== undefined
  );
}

/** `0s` is what people write for "at once", and no duration. */
function stopSeconds(text: string | undefined): number | undefined {
  return text === '0' || text === '0s' ? 0 : secondsOf(text, 'stop-timeout');
}

/** Files first, so that what is on the command line wins. */
async function envSources(flags: SpecFlags): Promise<readonly EnvSource[]> {
  const files = await Promise.all(
    (flags['env-file'] ?? []).map(async (file) => ({
      texts: linesOfEnvFile(await textOf(file), file),
      where: `--env-file ${file}:`,
    })),
  );
  return [...files, { texts: flags.env ?? [], where: '--env' }];
}

async function textOf(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new AppError('FILE_NOT_FOUND', `The file of variables ${file} cannot be read.`, { file });
  });
  if (text.length <= MAX_ENV_FILE_CHARACTERS) return text;
  throw new AppError('USAGE_INVALID', `${file} is too large for a file of variables.`, { file });
}

function listOf<T>(texts: Texts, read: (text: string) => T): T[] | undefined {
  if (texts === undefined) return undefined;
  return texts.length === 1 && texts[0] === NONE ? [] : texts.map((text) => read(text));
}

function orNothing<T extends object>(fields: T): T | undefined {
  return Object.keys(fields).length === 0 ? undefined : fields;
}

/** @throws {AppError} USAGE_INVALID. */
function nameFor(image: string): string {
  const name = nameOfImage(image);
  if (name !== undefined) return name;
  throw new AppError('USAGE_INVALID', 'No name can be made from that image: add --name.', {
    flag: '--name',
  });
}
