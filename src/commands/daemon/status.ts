import { BaseCommand } from '../../cli/base-command.js';
import { describeDaemon } from '../../cli/daemon-view.js';

export default class DaemonStatus extends BaseCommand {
  static override summary = 'Show whether the daemon runs, and what it runs on.';
  static override description = 'Ends with status 6 when it does not run.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(DaemonStatus);
    const daemon = await this.client(flags).call('daemon.get', {});
    this.log('%s', describeDaemon(daemon));
    return { daemon };
  }
}
