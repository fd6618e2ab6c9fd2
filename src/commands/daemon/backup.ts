import path from 'node:path';

import { BaseCommand } from '../../cli/base-command.js';
import { argument, callOptions, idempotencyFlag, timeoutFlag, yesFlag } from '../../cli/flags.js';
import { parseDuration } from '../../cli/duration.js';
import { formatBytes } from '../../cli/format.js';

const DEFAULT_TIMEOUT_MS = 10 * 60_000;

export default class DaemonBackup extends BaseCommand {
  static override summary = 'Write database, keys and configuration into one file.';
  static override description =
    'The file holds the keys of the grid: keep it where you would keep a password. It is made on the host of the daemon, and an existing one is replaced only with --yes.';
  static override examples = ['<%= config.bin %> <%= command.id %> ./syntropy.backup'];
  static override args = { file: argument('File to write.') };
  static override flags = { ...yesFlag, ...timeoutFlag, ...idempotencyFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DaemonBackup);
    const backup = await this.client(flags).call(
      'daemon.backup',
      { path: path.resolve(args.file), replace: flags.yes },
      {
        ...callOptions(flags),
        timeoutMs:
          flags.timeout === undefined
            ? DEFAULT_TIMEOUT_MS
            : parseDuration(flags.timeout, 'timeout'),
      },
    );
    this.log(`Wrote ${backup.path} (${formatBytes(backup.sizeBytes)}, ${backup.rows} rows).`);
    return { backup };
  }
}
