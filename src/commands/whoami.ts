import { BaseCommand } from '../cli/base-command.js';
import { describeCaller } from '../cli/member-view.js';

export default class Whoami extends BaseCommand {
  static override summary = 'Show who this command is to the daemon, and what it may do.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --context prod --json',
    '<%= config.bin %> <%= command.id %> --as ana',
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(Whoami);
    const caller = await this.client(flags).call('sessions.get', {});
    const { name, context } = this.target(flags);
    this.log('%s', describeCaller(caller, context ? `${name} (${context.url})` : name));
    return { caller: { context: name, ...caller } };
  }
}
