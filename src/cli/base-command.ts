import { Flags } from '@oclif/core';

import { SyntropyClient } from '../client/client.js';
import { resolveClientDir, type StatePaths } from '../core/config/state-paths.js';
import { MachineCommand, stateDirFlag } from './machine-command.js';
import { requireLocal, type Target, type TargetFlags, targetOf, withPlace } from './target.js';

/** Base of every command that speaks to a daemon or is about one: --context, --as, the client. */
export abstract class BaseCommand extends MachineCommand {
  static override baseFlags = {
    'state-dir': stateDirFlag('Directory of the daemon to talk to.'),
    context: Flags.string({
      summary:
        'Daemon to talk to, by its name in `syntropy context list` [default: SYNTROPY_CONTEXT, then the current one].',
      helpGroup: 'GLOBAL',
      helpValue: '<name>',
    }),
    as: Flags.string({
      summary: 'Member to act as, through the local socket.',
      helpGroup: 'GLOBAL',
      helpValue: '<member>',
    }),
  };
  #target: Target | undefined;

  /** The paths of a command that changes this machine. @throws {AppError} CAPABILITY_MISSING over a context. */
  protected localPaths(flags: TargetFlags): StatePaths {
    requireLocal(this.target(flags));
    return this.paths(flags);
  }

  /** Where contexts and sessions of this user lie. */
  protected clientDirectory(flags: TargetFlags): string {
    return resolveClientDir(flags['state-dir'] || undefined);
  }

  /** @throws {AppError} CONTEXT_NOT_FOUND, CONFIG_INVALID, USAGE_INVALID. */
  protected target(flags: TargetFlags): Target {
    return (this.#target ??= targetOf(flags, (line) => this.note(line)));
  }

  protected client(flags: TargetFlags): SyntropyClient {
    return new SyntropyClient({
      transport: this.target(flags).transport,
      onSkew: (version) =>
        this.note(`Warning: the daemon speaks API ${version}; bring both to the same version.`),
    });
  }

  protected override async catch(error: Error): Promise<never> {
    throw withPlace(error, this.#target);
  }
}
