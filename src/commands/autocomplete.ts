import { Args } from '@oclif/core';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { BaseCommand } from '../cli/base-command.js';

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;

export default class Autocomplete extends BaseCommand {
  static override summary = 'Print the completion script of a shell.';
  static override description =
    'It completes commands and flags, and asks the daemon for names of nodes, drives and ids of operations. Place it where the shell reads it when it starts.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> bash >> ~/.bash_completion',
    '<%= config.bin %> <%= command.id %> zsh > "${fpath[1]}/_<%= config.bin %>"',
    '<%= config.bin %> <%= command.id %> fish > ~/.config/fish/completions/<%= config.bin %>.fish',
    '<%= config.bin %> <%= command.id %> powershell >> $PROFILE',
  ];
  static override args = {
    shell: Args.string({
      description: 'Shell to complete in.',
      options: [...SHELLS],
      required: true,
      ignoreStdin: true,
    }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(Autocomplete);
    const script = await readFile(path.join(this.config.root, 'completion', args.shell), 'utf8');
    this.log('%s', script.trimEnd());
    return { completion: { shell: args.shell, script } };
  }
}
