import { Command, Flags } from '@oclif/core';
import path from 'node:path';

import { SyntropyClient } from '../client/client.js';
import { localSocket } from '../client/node/local-socket.js';
import { resolveStatePaths, type StatePaths } from '../core/config/state-paths.js';

export interface GlobalFlags {
  readonly 'state-dir'?: string | undefined;
}

/** Version of every document that --json prints. */
export const DOCUMENT_VERSION = 1;

/**
 * Base of every command: --json, --state-dir, the client. `run` answers with the content of the --json document; failures go
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
  };

  protected paths(flags: GlobalFlags): StatePaths {
    return resolveStatePaths(flags['state-dir'] || undefined);
  }

  protected client(flags: GlobalFlags): SyntropyClient {
    return new SyntropyClient({
      transport: localSocket(this.paths(flags).socketPath),
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
    throw error;
  }
}
