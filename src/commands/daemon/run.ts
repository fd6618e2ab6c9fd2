import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { BaseCommand } from '../../cli/base-command.js';
import { daemonArguments, daemonFlags } from '../../cli/daemon-flags.js';
import { daemonProgram } from '../../cli/daemon-program.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

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
    const child = spawn(process.execPath, [...program, ...args], { stdio: 'inherit' });
    for (const signal of SIGNALS) {
      process.removeAllListeners(signal);
      // Ctrl-C reaches the daemon through the terminal too; a second one of the same does no harm there.
      process.on(signal, () => child.kill(signal));
    }
    await once(child, 'exit');
    this.exit(child.exitCode ?? 1);
  }
}
