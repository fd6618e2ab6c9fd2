import { BaseCommand } from '../../cli/base-command.js';
import { exitCodeHelp, exitStatuses } from '../../cli/exit-codes.js';

export default class HelpExitCodes extends BaseCommand {
  static override summary = 'Explain the exit statuses.';
  static override description = 'They are an interface: scripts may rely on them.';
  static override examples = ['<%= config.bin %> <%= command.id %>'];

  async run(): Promise<object> {
    await this.parse(HelpExitCodes);
    this.log('%s', exitCodeHelp().trimEnd());
    return { exitCodes: exitStatuses.map(([status, meaning]) => ({ status, meaning })) };
  }
}
