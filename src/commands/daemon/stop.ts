import { BaseCommand } from '../../cli/base-command.js';
import { isUnreachable, waitForExit, waitForSilence } from '../../cli/daemon-exit.js';
import { parseDuration } from '../../cli/duration.js';
import { callOptions, idempotencyFlag, timeoutFlag } from '../../cli/flags.js';
import { spinner } from '../../cli/spinner.js';

const STOP_TIMEOUT_MS = 60_000;

export default class DaemonStop extends BaseCommand {
  static override summary = 'Stop the daemon and wait until it has ended.';
  static override description =
    'Requests under way are answered first. A stick that is being written is interrupted, and its node is marked as failed. A daemon that does not run is no failure. Over a context, waits until it answers no more.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --timeout 30s --json',
  ];
  static override flags = { ...timeoutFlag, ...idempotencyFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(DaemonStop);
    const timeoutMs =
      flags.timeout === undefined ? STOP_TIMEOUT_MS : parseDuration(flags.timeout, 'timeout');
    const client = this.client(flags);
    const isRemote = this.target(flags).context !== undefined;
    // Which of several answers is known only before it stops.
    const before = isRemote ? await client.call('daemon.get', {}) : undefined;
    const stopped = await client
      .call('daemon.stop', {}, callOptions(flags))
      .catch((error: unknown) => {
        // Over a network, silence proves nothing.
        if (isRemote || !isUnreachable(error)) throw error;
        return undefined;
      });
    if (!stopped) {
      this.log('The daemon does not run.');
      return { daemon: { running: false } };
    }
    await spinner('Stopping the daemon…', this.jsonEnabled(), () =>
      before ? waitForSilence(client, before, timeoutMs) : waitForExit(stopped.pid, timeoutMs),
    );
    this.log('The daemon (pid %d) has stopped.', stopped.pid);
    if (stopped.interrupted > 0) this.note(`${stopped.interrupted} operation(s) were interrupted.`);
    return { daemon: { running: false, ...stopped } };
  }
}
