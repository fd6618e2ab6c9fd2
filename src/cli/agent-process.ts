import { spawn } from 'node:child_process';
import path from 'node:path';

import { AppError } from '../core/types/errors/app-error.js';
import { afterMs } from '../core/utils/deadline.js';
import { failureIn } from './child-failure.js';

/** Its young generation stays small: it says little, and shares its machine with the work of others. */
const NODE_OPTIONS = ['--max-semi-space-size=1'];

/** The arguments for Node that start the agent of the installation. Its own arguments follow. */
export function agentProgram(installation: string): readonly string[] {
  return [...NODE_OPTIONS, path.join(installation, 'bin', 'syntropy-agent.mjs')];
}

export interface AgentRequest {
  readonly installation: string;
  readonly stateDir: string;
  readonly verb: 'join' | 'leave' | 'status' | 'install' | 'uninstall';
  readonly args?: readonly string[];
  /** Given to it on its stdin, where nobody else can read it. */
  readonly input?: object;
  readonly timeoutMs: number;
}

/**
 * Lets the agent's program do one thing, and answers what it says of it.
 * @throws {AppError} what it refuses, TIMED_OUT.
 */
export async function askAgent(request: AgentRequest): Promise<Readonly<Record<string, unknown>>> {
  const { installation, stateDir, verb, args = [], input, timeoutMs } = request;
  const child = spawn(
    process.execPath,
    [...agentProgram(installation), verb, '--state-dir', stateDir, ...args],
    // What it prints is for people who start it by hand.
    { stdio: ['pipe', 'ignore', 'ignore', 'ipc'] },
  );
  const patience = afterMs(timeoutMs, () => child.kill('SIGKILL'));
  child.stdin?.on('error', () => undefined).end(JSON.stringify(input ?? {}));
  try {
    return await new Promise((resolve, reject) => {
      child.once('message', (message) => {
        const said = Object.fromEntries(Object.entries(message));
        if (said['type'] === 'failed') {
          reject(failureIn(message) ?? noAnswer('it said nothing that can be understood'));
        } else resolve(said);
      });
      child.once('error', (error) => reject(noAnswer(error.message)));
      child.once('exit', (status, signal) => {
        reject(
          signal === 'SIGKILL'
            ? new AppError('TIMED_OUT', `The agent did not end within ${timeoutMs / 1_000} s.`)
            : noAnswer(`it ended with ${signal ?? `status ${status}`}`),
        );
      });
    });
  } finally {
    patience.clear();
    if (child.connected) child.disconnect();
  }
}

function noAnswer(why: string): AppError {
  return new AppError('AGENT_FAILED', `The agent gave no answer: ${why}.`);
}
