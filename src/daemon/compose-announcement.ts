import type { Listening } from './transports/api-listener.js';
import type { Parts } from './parts.js';

import { announce, isForOthers } from './agents/announcement.js';

/** Lets machines on the networks of this host find this daemon, where it can serve them and may be found. */
export function composeAnnouncement({ config, daemonId, log }: Parts, caSha256: string) {
  let announcement: ReturnType<typeof announce> | undefined;
  return {
    isAnnounced: () => announcement !== undefined,
    start: (listening: Listening) => {
      if (!isForOthers(listening) || !config.get('discovery.announce')) return;
      announcement = announce({ listening, caSha256, daemonId, log });
    },
    close: async () => announcement?.close(),
  };
}
