import type { CheckedTunnel } from '../../../services/network/tunnel-rules.js';
import type { Programs } from './programs.js';

import { AppError } from '../../../types/errors/app-error.js';
import { type IpState, parseLinks, parseRoutes, ROUTE_PROTOCOL } from './ip-state.js';

/** The interface as `ip` sees it: its addresses, its size, and the routes into it. */
export class IpLink {
  readonly #name: string;
  readonly #programs: Programs;

  constructor(name: string, programs: Programs) {
    this.#name = name;
    this.#programs = programs;
  }

  async read(): Promise<IpState> {
    const show = (...words: readonly string[]) => this.#programs.run('ip', ['-j', ...words]);
    const [links, routes4, routes6] = await Promise.all([
      // In detail: the note is not told otherwise.
      show('-d', 'address', 'show'),
      show('-4', 'route', 'show', 'table', 'main'),
      show('-6', 'route', 'show', 'table', 'main'),
    ]);
    return {
      ...parseLinks(links),
      routes: [...parseRoutes(routes4, 4), ...parseRoutes(routes6, 6)],
    };
  }

  /** @throws {AppError} TUNNEL_CONFLICT: another interface has an address or a route that is to be ours. */
  checkFree({ addresses, routes }: CheckedTunnel, state: IpState): void {
    for (const { text, address } of addresses) {
      const other = state.addresses.find(
        (entry) => entry.device !== this.#name && entry.address.text === text,
      );
      if (other) throw this.#conflict(`${address} is an address of ${other.device}`, other.device);
    }
    for (const { text } of routes) {
      const other = state.routes.find(
        (entry) => entry.device !== this.#name && entry.prefix.text === text,
      );
      if (other) throw this.#conflict(`${text} is reached by ${other.device}`, other.device);
    }
  }

  /** Addresses and size, and up. */
  async applyLink({ addresses, mtuBytes }: CheckedTunnel, state: IpState): Promise<void> {
    const link = state.links.get(this.#name);
    const present = new Set(
      state.addresses
        // The kernel makes these by itself.
        .filter(({ device, address }) => device === this.#name && !isLinkLocal(address.address))
        .map(({ address }) => address.text),
    );
    const wanted = new Set(addresses.map(({ text }) => text));
    await this.#batch([
      ...(link?.mtuBytes === mtuBytes ? [] : [`link set dev ${this.#name} mtu ${mtuBytes}`]),
      ...addresses
        .filter(({ text }) => !present.has(text))
        // Nobody else can have it: the keys decide whose it is.
        .map(
          ({ text, family }) =>
            `address add ${text} dev ${this.#name}${family === 6 ? ' nodad' : ''}`,
        ),
      ...(link?.isUp === true ? [] : [`link set dev ${this.#name} up`]),
      ...[...present]
        .filter((text) => !wanted.has(text))
        .map((text) => `address del ${text} dev ${this.#name}`),
    ]);
  }

  async applyRoutes({ routes }: CheckedTunnel, state: IpState): Promise<void> {
    const present = new Set(
      state.routes
        .filter(({ device, isOurs }) => device === this.#name && isOurs)
        .map(({ prefix }) => prefix.text),
    );
    const wanted = new Set(routes.map(({ text }) => text));
    const line = (verb: string) => (text: string) =>
      `route ${verb} ${text} dev ${this.#name} proto ${ROUTE_PROTOCOL}`;
    await this.#batch([
      ...[...wanted].filter((text) => !present.has(text)).map(line('add')),
      ...[...present].filter((text) => !wanted.has(text)).map(line('del')),
    ]);
  }

  /** A note that is there for as long as the interface. */
  async note(text: string): Promise<void> {
    await this.#programs.run('ip', ['link', 'set', 'dev', this.#name, 'alias', text]);
  }

  async #batch(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    await this.#programs.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  #conflict(what: string, device: string): AppError {
    return new AppError('TUNNEL_CONFLICT', `On this machine ${what} already.`, { device });
  }
}

function isLinkLocal(address: string): boolean {
  return address.startsWith('fe80:');
}
