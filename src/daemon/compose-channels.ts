import type { AgentHub } from './agents/agent-hub.js';
import type { Parts, Stores } from './parts.js';

import { ChannelRepository } from '../core/storage/postgres/channel.repository.js';
import { notifyAll } from '../core/storage/postgres/notify.js';
import { ExecDesk } from './channels/exec-desk.js';
import { Post } from './channels/post.js';
import { ChannelRelay } from './channels/relay.js';
import { ChannelRouter } from './channels/router.js';
import { mailbox } from './compose-orders.js';
import { containerChannelHandlers } from './operations/container-channels.js';

/** What is read from replicas and typed into them, over this daemon or another. */
export function composeChannels(
  { database, daemonId, log }: Parts,
  { daemons }: Pick<Stores, 'daemons'>,
  hub: Pick<AgentHub, 'channels'>,
) {
  const post = new Post((to, texts) => notifyAll(database.pool, mailbox(to), texts), log);
  const here = (sessionId: string) => hub.channels(sessionId);
  const relay = new ChannelRelay({ daemonId, log, post, here });
  const router = new ChannelRouter({
    store: new ChannelRepository(database.db),
    daemonId,
    here,
    elsewhere: (...asked) => relay.open(...asked),
  });
  const execs = new ExecDesk({ daemonId, post, daemons: () => daemons.alive() });
  return {
    handlers: containerChannelHandlers(router, execs),
    /** Whether it was a letter. */
    receive: (text: string | undefined): boolean => {
      const letter = Post.opened(text);
      if (letter === undefined) return false;
      relay.receive(letter);
      execs.receive(letter);
      return true;
    },
    close: () => {
      router.close();
      relay.close();
    },
  };
}
