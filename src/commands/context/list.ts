import { BaseCommand } from '../../cli/base-command.js';
import { contextColumns, shownContexts } from '../../cli/context-view.js';
import { table } from '../../cli/table.js';
import { knownContexts } from '../../cli/context-changes.js';

export default class ContextList extends BaseCommand {
  static override summary = 'List the daemons that are known here.';
  static override description =
    'The one with a * is spoken to by commands that are told nothing else; --context and SYNTROPY_CONTEXT win over it.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(ContextList);
    const contexts = shownContexts(knownContexts(this.clientDirectory(flags)));
    this.log('%s', await table(contextColumns, contexts));
    return { contexts };
  }
}
