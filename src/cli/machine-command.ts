import { Command, Flags } from '@oclif/core';
import path from 'node:path';

import { resolveStatePaths, type StatePaths } from '../core/config/state-paths.js';
import { clean } from './text.js';

/** Version of every document that --json prints. */
export const DOCUMENT_VERSION = 1;
const INTERRUPTED = 130;

/**
 * Base of every command: --json, --state-dir, and what is said. Alone, it is for what belongs to this machine, whichever daemon the context
 * means. `run` answers with the content of the --json document; failures go through to main.ts.
 */
export abstract class MachineCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = {
    'state-dir': stateDirFlag('Directory that the agent keeps its files in.'),
  };

  /** Of the daemon and the agent of this machine, whichever the context is. */
  protected paths(flags: { readonly 'state-dir'?: string | undefined }): StatePaths {
    return resolveStatePaths(flags['state-dir'] || undefined);
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

  /** For what is shown until somebody ends it: Ctrl-C is its end, and nothing is said of it between the lines of a stream. */
  protected untilInterrupted(): void {
    process.on('SIGINT', () => process.exit(INTERRUPTED));
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

  /** oclif's own would print it, and end as it sees fit. */
  protected override async catch(error: Error): Promise<never> {
    throw error;
  }
}

/** @param summary - what lies there, as this command sees it. */
export function stateDirFlag(summary: string) {
  return Flags.string({
    summary,
    env: 'SYNTROPY_STATE_DIR',
    helpGroup: 'GLOBAL',
    helpValue: '<dir>',
  });
}
