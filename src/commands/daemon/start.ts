import { BaseCommand } from '../../cli/base-command.js';
import { daemonArguments, daemonFlags } from '../../cli/daemon-flags.js';
import { START_TIMEOUT_MS, startDaemon } from '../../cli/daemon-process.js';
import { describeDaemon } from '../../cli/daemon-view.js';
import { parseDuration } from '../../cli/duration.js';
import { timeoutFlag } from '../../cli/flags.js';
import { spinner } from '../../cli/spinner.js';

export default class DaemonStart extends BaseCommand {
  static override summary = 'Start the daemon in the background.';
  static override description =
    'Returns once it is ready and what a crash interrupted is marked. The first start makes its database, which takes some seconds. To write USB sticks it must run as root.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --public-url https://grid.example.org:8080',
    '<%= config.bin %> <%= command.id %> --listen 0.0.0.0:8080',
    'sudo <%= config.bin %> <%= command.id %> --state-dir /srv/syntropy --json',
  ];
  static override flags = { ...daemonFlags, ...timeoutFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(DaemonStart);
    const { stateDir } = this.localPaths(flags);
    const daemon = await spinner('Starting the daemon…', this.jsonEnabled(), () =>
      startDaemon({
        installation: this.installation,
        stateDir,
        args: daemonArguments(flags),
        timeoutMs:
          flags.timeout === undefined ? START_TIMEOUT_MS : parseDuration(flags.timeout, 'timeout'),
      }),
    );
    this.log('%s', describeDaemon(daemon));
    return { daemon };
  }
}
