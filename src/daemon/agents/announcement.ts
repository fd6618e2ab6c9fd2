import type { Logger } from 'pino';

import type { Listening } from '../transports/api-listener.js';

import { gridHint, HINT_KEY, SERVICE_NAME, SERVICE_TYPE } from '../../contract/discovery.js';
import { type Mdns, openMdns, ownNetworks } from '../../core/platform/common/mdns.js';
import { slept } from '../../core/utils/slept.js';

/** Cards are plugged in, and get their addresses after this daemon has started. */
const LOOK_MS = 30_000;

export interface AnnouncementParts {
  readonly listening: Listening;
  readonly caSha256: string;
  readonly daemonId: string;
  readonly log: Logger;
  /** IPv4 addresses of this host, one for each network. */
  readonly networks?: () => readonly string[];
  readonly mdnsPort?: number;
}

/**
 * Announces this daemon on the networks of its host, so that machines there can join without an address. It says of which grid it is, as a
 * hint, and a port; nothing that is worth anything to whoever hears it. Whatever goes wrong is logged once, and the daemon goes on without.
 */
export function announce(parts: AnnouncementParts): { close(): Promise<void> } {
  const stopping = new AbortController();
  const running = keepAnnounced(parts, stopping.signal).catch((error: unknown) =>
    parts.log.warn({ err: error }, 'this daemon cannot be found on its network'),
  );
  return {
    /** Says good-bye to the network. */
    close: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Whether other machines could reach it. */
export function isForOthers({ address }: Listening): boolean {
  return !/^(127\.|::1$|::ffff:127\.)/.test(address);
}

/** The networks on which whoever hears of it could reach it. */
export function announcedOn(
  { address }: Listening,
  networks: readonly string[],
): readonly string[] {
  return networks.includes(address) ? [address] : networks;
}

async function keepAnnounced(parts: AnnouncementParts, signal: AbortSignal): Promise<void> {
  const { listening, log, networks = ownNetworks } = parts;
  let open: Mdns | undefined;
  let known = '';
  let isTold = false;
  const onTrouble = (reason: string) => {
    if (!isTold)
      log.warn({ reason }, 'multicast DNS does not work: machines need an address to join');
    isTold = true;
  };
  try {
    do {
      const addresses = announcedOn(listening, networks());
      if (addresses.join() === known) continue;
      await open?.close();
      open = await opened(parts, addresses, onTrouble);
      known = addresses.join();
    } while (await slept(LOOK_MS, signal));
  } finally {
    await open?.close();
  }
}

async function opened(
  { listening, caSha256, daemonId, log, mdnsPort }: AnnouncementParts,
  addresses: readonly string[],
  onTrouble: (reason: string) => void,
): Promise<Mdns | undefined> {
  if (addresses.length === 0) return undefined;
  const mdns = await openMdns({
    addresses,
    onTrouble,
    ...(mdnsPort === undefined ? {} : { port: mdnsPort }),
  });
  // Names of its own: that of the host is for whoever announces the host.
  const name = `syntropy-${daemonId}`;
  mdns.publish({
    name,
    type: SERVICE_TYPE,
    host: `${name}.local`,
    port: listening.port,
    txt: { [HINT_KEY]: gridHint(caSha256) },
    // Nobody else has this name, and whoever claims it must not keep this daemon from being found.
    probe: false,
  });
  log.info({ service: SERVICE_NAME, networks: addresses.join(' ') }, 'announced');
  return mdns;
}
