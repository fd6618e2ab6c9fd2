import path from 'node:path';

import type { ContainerRuntime } from '../core/services/container/runtime.ports.js';
import type { Running } from './work/lease.js';
import type { WorkOptions } from './work/work.js';

import { Channels } from './channels/channels.js';
import { nestedFolder } from './work/binds.js';
import { containerCounters } from '../core/platform/linux/container-counters.js';
import { interfaceCounters } from '../core/platform/linux/interface-counters.js';
import { hostLentMachine } from '../core/platform/linux/lent-machine.js';
import { AppError } from '../core/types/errors/app-error.js';

/** What the owner of a machine says of the containers on it. */
export interface ContainersAllowed {
  /** `auto`, `none`, or `unix://` and a path. */
  readonly engine: string;
  /** Folders that containers may have. */
  readonly allowBind: readonly string[];
}

/** What was said on a command line. @throws {AppError} USAGE_INVALID. */
export function containersAllowed(given: {
  readonly engine?: string | undefined;
  readonly 'allow-bind'?: readonly string[] | undefined;
}): ContainersAllowed {
  const { engine = 'auto', 'allow-bind': allowBind = [] } = given;
  if (engine !== 'auto' && engine !== 'none' && !/^unix:\/\/\/./.test(engine)) {
    throw new AppError(
      'USAGE_INVALID',
      `"${engine}" is no engine: say auto, none, or unix:///<path of its socket>.`,
    );
  }
  const relative = allowBind.find((folder) => !path.isAbsolute(folder));
  if (relative !== undefined) {
    throw new AppError('USAGE_INVALID', `--allow-bind ${relative}: name the folder from the root.`);
  }
  const nested = nestedFolder(allowBind);
  if (nested) {
    throw new AppError(
      'USAGE_INVALID',
      `--allow-bind ${nested.inner} lies in ${nested.outer}: whoever is lent that could make it anything. Lend one of the two.`,
    );
  }
  return { engine, allowBind };
}

/** The same as the agent's own arguments, where it is not what they are anyway. */
export function containersArgs({ engine, allowBind }: ContainersAllowed): readonly string[] {
  return [
    ...(engine === 'auto' ? [] : ['--engine', engine]),
    ...allowBind.flatMap((folder) => ['--allow-bind', folder]),
  ];
}

/** What runs containers on this machine. */
export function hostContainers({ engine, allowBind }: ContainersAllowed): WorkOptions {
  return {
    source: () => engineOf(engine),
    allowBind,
    lent: hostLentMachine,
    channels: (parts) => new Channels(parts),
    ...(process.platform === 'linux'
      ? {
          interfaces: (pid: number) => interfaceCounters(pid),
          own: (lease: string, { pid, container }: Running) =>
            containerCounters({ lease, pid, container }),
        }
      : {}),
  };
}

async function engineOf(engine: string): Promise<ContainerRuntime> {
  if (engine === 'none') {
    throw new AppError('CAPABILITY_MISSING', 'Its owner lends no containers: --engine none.');
  }
  // Only now: an agent without containers stays small.
  const { findRuntime } = await import('../core/platform/common/engine/open-runtime.js');
  const explicit = engine === 'auto' ? undefined : engine.slice('unix://'.length);
  const runtime = await findRuntime(explicit);
  if (!runtime) throw new AppError('ENGINE_MISSING', 'There is no container engine.');
  return runtime;
}
