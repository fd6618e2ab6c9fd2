import { BaseCommand } from '../../cli/base-command.js';
import { useContext } from '../../cli/context-changes.js';
import { shownContexts } from '../../cli/context-view.js';
import { argument } from '../../cli/flags.js';

export default class ContextUse extends BaseCommand {
  static override summary = 'Speak to a daemon from now on, unless a command is told otherwise.';
  static override description = '`local` is the daemon of this machine, through its socket.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> prod',
    '<%= config.bin %> <%= command.id %> local',
  ];
  static override args = { name: argument('Name of the context.') };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContextUse);
    const contexts = await useContext(this.clientDirectory(flags), args.name);
    const context = shownContexts(contexts).find(({ current }) => current);
    const env = process.env['SYNTROPY_CONTEXT'];
    if (env) this.note(`Warning: SYNTROPY_CONTEXT is set, and ${env} wins over it.`);
    this.log('Commands speak to %s from now on.', context?.url ?? 'the daemon of this machine');
    return { context };
  }
}
