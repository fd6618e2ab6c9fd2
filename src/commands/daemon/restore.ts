import path from 'node:path';

import { BaseCommand } from '../../cli/base-command.js';
import { restoreDaemon } from '../../cli/daemon-restore.js';
import { argument, timeoutFlag, yesFlag } from '../../cli/flags.js';
import { parseDuration } from '../../cli/duration.js';

const DEFAULT_TIMEOUT_MS = 10 * 60_000;

export default class DaemonRestore extends BaseCommand {
  static override summary = 'Bring database, keys and configuration back from a backup.';
  static override description =
    'The daemon must not be running. The backup is checked before anything is replaced, and state that exists is replaced only with --yes.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> ./syntropy.backup',
    '<%= config.bin %> <%= command.id %> ./syntropy.backup --yes --json',
  ];
  static override args = { file: argument('Backup to restore.') };
  static override flags = { ...yesFlag, ...timeoutFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DaemonRestore);
    const restored = await restoreDaemon({
      installation: this.installation,
      stateDir: this.localPaths(flags).stateDir,
      file: path.resolve(args.file),
      yes: flags.yes,
      timeoutMs:
        flags.timeout === undefined ? DEFAULT_TIMEOUT_MS : parseDuration(flags.timeout, 'timeout'),
    });
    this.log('Restored. Start the daemon with `syntropy daemon start`.');
    return { restored };
  }
}
