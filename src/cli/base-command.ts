import { Command, Flags } from '@oclif/core';
import path from 'node:path';

import { SyntropyClient } from '../client/client.js';
import {
  resolveClientDir,
  resolveStatePaths,
  type StatePaths,
} from '../core/config/state-paths.js';
import { clean } from './text.js';
import { requireLocal, type Target, type TargetFlags, targetOf, withPlace } from './target.js';

/** Version of every document that --json prints. */
export const DOCUMENT_VERSION = 1;

/**
 * Base of every command: --json, --state-dir, --context, --as, the client. `run` answers with the content of the --json document; failures go
 * through to main.ts.
 */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = {
    'state-dir': Flags.string({
      summary: 'Directory of the daemon to talk to.',
      env: 'SYNTROPY_STATE_DIR',
      helpGroup: 'GLOBAL',
      helpValue: '<dir>',
    }),
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

  /** Of the daemon of this machine, whichever the context is. */
  protected paths(flags: TargetFlags): StatePaths {
    return resolveStatePaths(flags['state-dir'] || undefined);
  }

  /** The same for a command that changes this machine. @throws {AppError} CAPABILITY_MISSING over a context. */
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

  /** The folder that holds bin/ and dist/. */
  protected get installation(): string {
    return path.dirname(this.config.root);
  }

  /** A line for people on stderr, where it never gets between a script and its document. */
  protected note(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  /**
   * A secret that is shown this once: alone on stdout, for a script to take it from there; what is said about it goes to stderr. Under
   * --json it is in the document, and nowhere else.
   */
  protected secret(about: string, what: string, secret: string | undefined): void {
    if (this.jsonEnabled()) return;
    this.note(about);
    if (secret === undefined) this.note(`The ${what} was shown when this was done the first time.`);
    else this.log('%s', clean(secret));
  }

  /** One document of a stream, on one line. */
  protected line(document: Readonly<Record<string, unknown>>): void {
    process.stdout.write(`${JSON.stringify({ schemaVersion: DOCUMENT_VERSION, ...document })}\n`);
  }

  protected override toSuccessJson(result: unknown): unknown {
    return typeof result === 'object' && result !== null
      ? { schemaVersion: DOCUMENT_VERSION, ...result }
      : result;
  }

  protected override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, undefined, 2)}\n`);
  }

  protected override async catch(error: Error): Promise<never> {
    throw withPlace(error, this.#target);
  }
}
