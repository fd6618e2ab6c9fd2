import { Args, Help as OclifHelp } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';

export default class Help extends BaseCommand {
  static override summary = 'Show what a command does.';
  static override description =
    'The same as --help behind the command. `help exit-codes` explains the exit statuses.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node create',
    '<%= config.bin %> <%= command.id %> exit-codes',
  ];
  static override enableJsonFlag = false;
  static override strict = false;
  static override args = {
    command: Args.string({ description: 'Command or topic.', ignoreStdin: true }),
  };

  async run(): Promise<void> {
    const { argv } = await this.parse(Help);
    await new OclifHelp(this.config).showHelp(argv.map(String));
  }
}
