import { once } from 'node:events';
import { type RawData, WebSocket } from 'ws';

import type { Replica } from './remote-world.js';

import { waitFor } from './wait-for.js';

/** What a daemon sends. */
export type Frame = Readonly<Record<string, unknown>> & { readonly id?: string };

export interface WsOptions {
  readonly token?: string | undefined;
  readonly origin?: string;
  readonly host?: string;
  readonly path?: string;
  readonly forwardedFor?: string;
}

/** A WebSocket client that keeps every frame. */
export async function wsClient(replica: Pick<Replica, 'port'>, options: WsOptions = {}) {
  const socket = new WebSocket(`wss://127.0.0.1:${replica.port}${options.path ?? '/v1/ws'}`, {
    rejectUnauthorized: false,
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    headers: {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.host === undefined ? {} : { host: options.host }),
      ...(options.forwardedFor === undefined ? {} : { 'x-forwarded-for': options.forwardedFor }),
    },
  });
  const frames: Frame[] = [];
  let closed:
    | { readonly code: number; readonly reason: Readonly<Record<string, unknown>> }
    | undefined;
  socket.on('message', (data) => frames.push(JSON.parse(textOf(data))));
  socket.on('close', (code, reason) => {
    closed = { code, reason: reason.length > 0 ? JSON.parse(reason.toString()) : {} };
  });
  await once(socket, 'open');
  let next = 0;
  const frame = (what: string, match: (frame: Frame) => boolean) =>
    waitFor(what, () => frames.find(match));
  return {
    socket,
    frames,
    send: (value: unknown) => socket.send(JSON.stringify(value)),
    frame,
    /** One call, and what came of it. */
    call: async (call: string, input: object = {}, rest: object = {}) => {
      next += 1;
      const id = `call-${next}`;
      socket.send(JSON.stringify({ id, call, input, ...rest }));
      return frame(`an answer to ${call}`, (candidate) => candidate.id === id);
    },
    /** Items of a subscription, as they come. */
    items: (id: string) =>
      frames
        .filter((candidate) => candidate.id === id)
        .flatMap(({ item }) => (isEvent(item) ? [item] : [])),
    closed: () => waitFor('the connection to be closed', () => closed, 20_000),
    async [Symbol.asyncDispose]() {
      socket.terminate();
    },
  };
}

/** The HTTP status with which an upgrade is refused. */
export async function upgradeRefusal(
  replica: Pick<Replica, 'port'>,
  options: WsOptions = {},
): Promise<number | undefined> {
  try {
    const client = await wsClient(replica, options);
    client.socket.terminate();
    return undefined;
  } catch (error) {
    return Number(/(\d{3})$/.exec(error instanceof Error ? error.message : '')?.[1]);
  }
}

interface SeenEvent {
  readonly cursor: string;
  readonly type: string;
}

function isEvent(item: unknown): item is SeenEvent {
  return typeof item === 'object' && item !== null && 'cursor' in item && 'type' in item;
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
}
