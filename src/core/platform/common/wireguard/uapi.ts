import { createConnection } from 'node:net';

import { AppError } from '../../../types/errors/app-error.js';
import { errorCode } from '../../../types/errors/error-code.js';
import { type Device, parseDevice } from './uapi-text.js';

/** Ten thousand peers with a few prefixes each are four of them. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Ten thousand peers take 1.7 s at first on a small machine. */
const CALL_TIMEOUT_MS = 30_000;
/** errno(7) of Linux. */
const ADDRESS_IN_USE = 98;

/**
 * The device behind a socket of WireGuard in user space. The protocol is text: https://www.wireguard.com/xplatform/. A connection for each call, since
 * nobody else is to wait for ours.
 */
export class Uapi {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** @throws {AppError} TUNNEL_FAILED, TIMED_OUT. */
  async get(): Promise<Device> {
    const answer = await this.#call('get=1\n\n');
    failOn(errnoOf(answer));
    return parseDevice(answer);
  }

  /**
   * The lines in their order, as one call: others see none of it half done but what the device does line by line.
   * @throws {AppError} TUNNEL_CONFLICT (the port is in use), TUNNEL_FAILED, TIMED_OUT.
   */
  async set(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    failOn(errnoOf(await this.#call(`set=1\n${lines.join('\n')}\n\n`)));
  }

  /** Whether anybody listens there. */
  isAnswering(): Promise<boolean> {
    return this.get().then(
      () => true,
      () => false,
    );
  }

  #call(request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.#socketPath);
      const chunks: Buffer[] = [];
      let bytes = 0;
      const fail = (code: 'TUNNEL_FAILED' | 'TIMED_OUT', what: string) => {
        socket.destroy();
        reject(new AppError(code, `WireGuard at ${this.#socketPath} ${what}.`));
      };
      const timer = setTimeout(() => fail('TIMED_OUT', 'does not answer'), CALL_TIMEOUT_MS);
      socket.on('data', (chunk) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > MOST_BYTES) fail('TUNNEL_FAILED', 'says more than can be');
        // An empty line is the end; the other side keeps the connection for more.
        else if (endsEmpty(chunks)) socket.end();
      });
      socket.on('error', (error) =>
        fail('TUNNEL_FAILED', `cannot be asked (${errorCode(error) ?? 'no reason'})`),
      );
      socket.on('close', () => {
        clearTimeout(timer);
        const answer = Buffer.concat(chunks).toString('utf8');
        if (answer.endsWith('\n\n')) resolve(answer);
        else fail('TUNNEL_FAILED', 'has hung up');
      });
      socket.write(request);
    });
  }
}

function endsEmpty(chunks: Buffer[]): boolean {
  const last = chunks.at(-1);
  if (last && last.length < 2 && chunks.length > 1) {
    chunks.splice(-2, 2, Buffer.concat(chunks.slice(-2)));
    return endsEmpty(chunks);
  }
  return last?.subarray(-2).toString('latin1') === '\n\n';
}

function errnoOf(answer: string): number {
  const digits = /(?:^|\n)errno=(-?\d{1,5})\n\n$/.exec(answer)?.[1];
  if (digits === undefined)
    throw new AppError('TUNNEL_FAILED', 'WireGuard answers without an end.');
  return Math.abs(Number(digits));
}

function failOn(errno: number): void {
  if (errno === 0) return;
  if (errno === ADDRESS_IN_USE) {
    throw new AppError('TUNNEL_CONFLICT', 'Another program has the UDP port of the mesh.');
  }
  throw new AppError('TUNNEL_FAILED', `WireGuard refuses with errno ${errno}.`, { errno });
}
