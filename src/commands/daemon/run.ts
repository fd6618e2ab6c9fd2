import { BaseCommand } from '../../cli/base-command.js';
import { daemonArguments, daemonFlags } from '../../cli/daemon-flags.js';
import { daemonProgram } from '../../cli/daemon-program.js';
import { runForeground } from '../../cli/foreground.js';

export default class DaemonRun extends BaseCommand {
  static override summary = 'Run the daemon in the foreground, with its log on stderr.';
  static override description = 'Ends with the status of the daemon. Ctrl-C stops it gracefully.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --log-level debug',
  ];
  static override flags = daemonFlags;
  static override enableJsonFlag = false;

  async run(): Promise<void> {
    const { flags } = await this.parse(DaemonRun);
    const { stateDir } = this.localPaths(flags);
    const program = daemonProgram(this.installation);
    const args = ['--state-dir', stateDir, '--foreground', ...daemonArguments(flags)];
    this.exit(await runForeground([...program, ...args]));
  }
}
