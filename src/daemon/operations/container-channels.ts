import type { ExecDesk } from '../channels/exec-desk.js';
import type { ChannelRouter } from '../channels/router.js';
import type { Handlers } from '../dispatch.js';

import { followStats } from '../channels/follow-stats.js';
import { readLogs } from '../channels/read-logs.js';
import { runExec } from '../channels/run-exec.js';

/** What is read from replicas, and typed into them. */
export function containerChannelHandlers(
  router: ChannelRouter,
  execs: ExecDesk,
): Pick<
  Handlers,
  'containers.logs' | 'containers.exec' | 'containers.execInput' | 'containers.stats'
> {
  return {
    'containers.logs': async ({ container, replica, ...asked }, { subject, signal }) => {
      const { follow = false, ...range } = asked;
      const replicas = await router.replicas(container, replica);
      return readLogs({ router, memberId: subject.id }, replicas, { ...range, follow }, signal);
    },
    'containers.exec': async ({ container, replica, ...asked }, { subject, signal }) => {
      const { env = {}, tty = false, stdin = false, ...rest } = asked;
      const wanted = { ...rest, env, tty, stdin };
      const replicas = await router.replicas(container, replica);
      return runExec({ router, execs, memberId: subject.id }, replicas, wanted, signal);
    },
    'containers.execInput': async ({ session, ...input }, { subject }) => {
      const isTaken = await execs.write(session, subject.id, input);
      return isTaken ? {} : { pending: true };
    },
    'containers.stats': async ({ container, once = false }, { subject, signal }) => {
      const replicas = await router.replicas(container);
      return followStats({ router, memberId: subject.id }, replicas, once, signal);
    },
  };
}
