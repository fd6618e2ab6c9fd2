import { BaseCommand } from '../../cli/base-command.js';
import { removeContext } from '../../cli/context-changes.js';
import { shownContext } from '../../cli/context-view.js';
import { argument } from '../../cli/flags.js';

export default class ContextRemove extends BaseCommand {
  static override summary = 'Forget a daemon elsewhere, what was pinned for it, and its session.';
  static override description =
    'The daemon is told nothing: to end the session there too, use `syntropy logout` first.';
  static override examples = ['<%= config.bin %> <%= command.id %> prod'];
  static override args = { name: argument('Name of the context.') };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ContextRemove);
    const context = await removeContext(this.clientDirectory(flags), args.name);
    this.log('Forgot context %s (%s).', args.name, context.url);
    return { context: shownContext(args.name, context, false) };
  }
}
