import { BaseCommand } from '../../cli/base-command.js';
import { callOptions, idempotencyFlag } from '../../cli/flags.js';

export default class DaemonRotateKeys extends BaseCommand {
  static override summary = 'Sign access tokens with a new key from now on.';
  static override description =
    'Nobody is signed out: tokens of the old key are good until they expire, and every replica knows the new one at once.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = idempotencyFlag;

  async run(): Promise<object> {
    const { flags } = await this.parse(DaemonRotateKeys);
    const { keys } = await this.client(flags).call('keys.rotate', {}, callOptions(flags));
    this.log('Keys that tokens are verified with: %s.', keys.map(({ kid }) => kid).join(', '));
    return { keys };
  }
}
