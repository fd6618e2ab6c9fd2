import { gridHint, SERVICE_NAME, SERVICE_TYPE } from '../../contract/discovery.js';
import { type Mdns, openMdns, ownNetworks } from '../../core/platform/common/mdns.js';
import { AppError } from '../../core/types/errors/app-error.js';
import { slept } from '../../core/utils/slept.js';
import { claimsIn } from './claims.js';
import { proveDaemon } from '../pinned-tls.js';

const SEARCH_MS = 10_000;
/** What is asked may be lost. */
const ASK_MS = 1_000;
/** Addresses that are tried, and of those that one sender names. A neighbour who claims more than this can keep a daemon from being found, and no more. */
const MAX_TRIED = 32;
const MAX_TRIED_OF_SENDER = 8;

export interface Search {
  readonly networks: () => readonly string[];
  readonly open: typeof openMdns;
  /** @throws {AppError} why it is no daemon of this grid. */
  readonly prove: (url: URL, caSha256: string, signal: AbortSignal) => Promise<void>;
  readonly timeoutMs: number;
}

const SEARCH: Search = {
  networks: ownNetworks,
  open: openMdns,
  prove: proveDaemon,
  timeoutMs: SEARCH_MS,
};

/**
 * Looks on the networks of this machine for a daemon of a grid. What is announced there is a hint that everybody can give; a daemon is who proves
 * it by the grid's authority, and to nobody is anything said before.
 * @throws {AppError} DAEMON_NOT_FOUND, and CLOCK_WRONG when one was found that this machine's clock does not let it believe.
 */
export async function findDaemon(caSha256: string, search: Search = SEARCH): Promise<URL> {
  const trouble: string[] = [];
  const mdns = await search.open({
    addresses: search.networks(),
    onTrouble: (reason) => trouble.push(reason),
  });
  const ending = new AbortController();
  const trials = new Trials(caSha256, search, ending.signal);
  const timer = setTimeout(() => ending.abort(), search.timeoutMs);
  mdns.onAnswer((packet, from) => trials.hear(packet, from));
  void askAgain(mdns, ending.signal);
  try {
    const url = await trials.found;
    if (url) return url;
  } finally {
    clearTimeout(timer);
    ending.abort();
    await mdns.close();
  }
  throw trials.clockWrong ?? notFound(search, trials, trouble);
}

async function askAgain(mdns: Mdns, signal: AbortSignal): Promise<void> {
  do mdns.ask(SERVICE_TYPE);
  while (await slept(ASK_MS, signal));
}

/** Everyone who claims to be a daemon of the grid, tried as they come. */
class Trials {
  readonly #caSha256: string;
  readonly #prove: Search['prove'];
  readonly #signal: AbortSignal;
  readonly #tried = new Set<string>();
  readonly #ofSender = new Map<string, number>();
  readonly #found = Promise.withResolvers<URL | undefined>();
  clockWrong: AppError | undefined;

  constructor(caSha256: string, { prove }: Search, signal: AbortSignal) {
    this.#caSha256 = caSha256;
    this.#prove = prove;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#found.resolve(undefined), { once: true });
  }

  /** The first that has proven itself, or undefined at the end. */
  get found(): Promise<URL | undefined> {
    return this.#found.promise;
  }

  get count(): number {
    return this.#tried.size;
  }

  hear(packet: unknown, from: string): void {
    for (const { hint, urls } of claimsIn(packet, from)) {
      if (hint !== gridHint(this.#caSha256)) continue;
      for (const url of urls) if (this.#isNew(url, from)) void this.#try(url);
    }
  }

  #isNew({ host }: URL, from: string): boolean {
    const ofSender = this.#ofSender.get(from) ?? 0;
    if (this.#signal.aborted || this.#tried.has(host)) return false;
    if (this.#tried.size >= MAX_TRIED || ofSender >= MAX_TRIED_OF_SENDER) return false;
    this.#tried.add(host);
    this.#ofSender.set(from, ofSender + 1);
    return true;
  }

  async #try(url: URL): Promise<void> {
    try {
      await this.#prove(url, this.#caSha256, this.#signal);
      this.#found.resolve(url);
    } catch (error) {
      // The next may be the one.
      if (error instanceof AppError && error.code === 'CLOCK_WRONG') this.clockWrong = error;
    }
  }
}

function notFound({ timeoutMs }: Search, { count }: Trials, trouble: readonly string[]): AppError {
  const [reason] = trouble;
  const why =
    reason === undefined
      ? count === 0
        ? 'none announces itself'
        : `what announces itself at ${count} addresses is not it`
      : `multicast DNS does not work here (${reason})`;
  return new AppError(
    'DAEMON_NOT_FOUND',
    `The token names no daemon, and none of its grid was found on this network within ${timeoutMs / 1_000} s: ${why}.`,
    { service: SERVICE_NAME, tried: count, ...(reason === undefined ? {} : { reason }) },
  );
}
