import type { Bonjour, Browser, ServiceConfig } from 'bonjour-service';

import { EventEmitter } from 'node:events';
import os from 'node:os';

import { errorCode } from '../../types/errors/error-code.js';

/** Networks of one host beyond these are none that people plug machines into. */
const MAX_NETWORKS = 16;
/** A good-bye that cannot be sent is not waited for. */
const CLOSE_MS = 1_000;
/** Every question is answered to the whole network; more than this is a flood. */
const MAX_ANSWERS_PER_SECOND = 20;

/** What is said over multicast DNS, on several networks at once. */
export interface Mdns {
  publish(service: ServiceConfig): void;
  /** Asks once who offers this. */
  ask(type: string): void;
  /** Told every answer that can be parsed, whoever asked. `from` is where it says that it came from. */
  onAnswer(listener: (packet: unknown, from: string) => void): void;
  /** Takes back what was published, and closes. */
  close(): Promise<void>;
}

export interface MdnsOptions {
  /** IPv4 addresses of this host, one for each network. */
  readonly addresses: readonly string[];
  /** Told what does not work, by its code, once for each time that something is opened. */
  readonly onTrouble: (reason: string) => void;
  readonly port?: number;
}

/** One IPv4 address for each network of this host that has others on it. */
export function ownNetworks(): readonly string[] {
  return Object.values(os.networkInterfaces())
    .flatMap((entries) =>
      (entries ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).slice(0, 1),
    )
    .map(({ address }) => address)
    .slice(0, MAX_NETWORKS);
}

/**
 * Opens multicast DNS. The library is loaded here, for few processes ever need it. It has one socket for each network, because one for all
 * speaks only on the network of the default route, and not at all where there is none. Never fails: what does not work is told, and the rest
 * goes on.
 */
export async function openMdns({ addresses, onTrouble, port }: MdnsOptions): Promise<Mdns> {
  const { default: Library } = await import('bonjour-service');
  let isTold = false;
  const trouble = (error: unknown) => {
    const code = errorCode(error);
    // Without a code of the system it is a packet that is none.
    if (isTold || code === undefined || code.startsWith('ERR_')) return;
    isTold = true;
    onTrouble(code);
  };
  const names = new Set<string>();
  const networks = addresses.map((address) => {
    // These are for the socket, which the library's types do not know.
    const options = {
      interface: address,
      bind: '0.0.0.0',
      ...(port === undefined ? {} : { port }),
    };
    const bonjour = new Library(options, trouble);
    const emitter = emitterOf(bonjour);
    // Unheard, an error would end the process.
    emitter.on('error', trouble);
    emitter.on('warning', trouble);
    limitAnswers(emitter, names);
    return { bonjour, emitter };
  });
  const browsers = new Map<string, readonly Browser[]>();
  return {
    publish(service) {
      for (const { bonjour } of networks) {
        const { type, fqdn, host } = bonjour.publish(service);
        for (const name of [`${type}.local`, fqdn, host]) names.add(name.toLowerCase());
      }
    },
    ask(type) {
      const asking = browsers.get(type);
      for (const browser of asking ?? []) browser.update();
      // To begin is to ask.
      if (!asking)
        browsers.set(
          type,
          networks.map(({ bonjour }) => quiet(bonjour, type)),
        );
    },
    onAnswer(listener) {
      for (const { emitter } of networks) {
        emitter.on('response', (packet: unknown, { address }: { address: string }) =>
          listener(packet, address),
        );
      }
    },
    close: async () => {
      await Promise.all(networks.map(({ bonjour }) => closed(bonjour)));
    },
  };
}

/** One that asks, and does not listen: it keeps all that it hears, and believes the first of two with one name. */
function quiet(bonjour: Bonjour, type: string): Browser {
  const browser = bonjour.find({ type });
  browser.stop();
  return browser;
}

/** The library keeps to itself what its sockets have to say. */
function emitterOf(bonjour: Bonjour): EventEmitter {
  const server: unknown = Reflect.get(bonjour, 'server');
  const emitter: unknown = server instanceof Object ? Reflect.get(server, 'mdns') : undefined;
  if (emitter instanceof EventEmitter) return emitter;
  throw new TypeError('This is not the bonjour-service that was expected.');
}

interface Query {
  readonly questions: readonly { readonly name: string }[];
}

/** A small question makes a large answer that everybody hears, so that one sender could make this host flood its network. */
function limitAnswers(emitter: EventEmitter, names: ReadonlySet<string>): void {
  const [answer] = emitter.listeners('query');
  let answers = 0;
  let windowFrom = -Infinity;
  emitter.removeAllListeners('query');
  emitter.on('query', (query: Query) => {
    const at = performance.now();
    if (at - windowFrom > 1_000) {
      windowFrom = at;
      answers = 0;
    }
    const questions = query.questions
      .filter(({ name }) => names.has(name.toLowerCase()))
      .slice(0, MAX_ANSWERS_PER_SECOND - answers);
    answers += questions.length;
    if (questions.length > 0) answer?.call(emitter, { ...query, questions });
  });
}

async function closed(bonjour: Bonjour): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, CLOSE_MS);
    bonjour.unpublishAll(() => {
      clearTimeout(timer);
      resolve();
    });
  });
  await new Promise<void>((resolve) => bonjour.destroy(() => resolve()));
}
