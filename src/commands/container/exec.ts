import { Flags } from '@oclif/core';

import { BaseCommand } from '../../cli/base-command.js';
import { containerArgument } from '../../cli/container-flags.js';
import { envOf } from '../../cli/env-file.js';
import { execStatusOf, runInContainer } from '../../cli/exec-session.js';
import { execWords, requireExecWords } from '../../cli/exec-words.js';
import { given } from '../../cli/given.js';
import { withStatus } from '../../cli/own-status.js';

export default class ContainerExec extends BaseCommand {
  static override summary = 'Run a command in a container, and end with its exit status.';
  static override description =
    'Standard input is read with -i only. With -t the command gets a terminal, whose size follows that of this one. Failures that are not those of the command end with 125, a command that cannot be run with 126, one that is not there with 127. --json prints the outputs in base64, one object a line, and the exit status last.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> -it web -- sh',
    '<%= config.bin %> <%= command.id %> web --user 0 -- cat /etc/nginx/nginx.conf',
    'tar c . | <%= config.bin %> <%= command.id %> -i web -- tar x -C /tmp',
  ];
  static override strict = false;
  static override args = containerArgument;
  static override flags = {
    interactive: Flags.boolean({ char: 'i', summary: 'Hand on standard input.' }),
    tty: Flags.boolean({ char: 't', summary: 'Give it a terminal.' }),
    env: Flags.string({
      char: 'e',
      summary: 'Variable, NAME=value, or NAME from the environment here. May be repeated.',
      helpValue: '<variable>',
      multiple: true,
      multipleNonGreedy: true,
    }),
    user: Flags.string({ char: 'u', summary: 'User that it runs as.', helpValue: '<user>' }),
    workdir: Flags.string({ char: 'w', summary: 'Folder that it runs in.', helpValue: '<path>' }),
    replica: Flags.integer({
      summary: 'In which replica [default: the only one, or the first that runs].',
      helpValue: '<number>',
      min: 1,
      max: 100,
    }),
  };

  async run(): Promise<void> {
    const { args, flags, raw } = await this.parse(ContainerExec);
    const command = requireExecWords(execWords(raw));
    const { tty, interactive: stdin, user, workdir: workingDir, replica } = flags;
    const env = flags.env && envOf([{ texts: flags.env, where: '--env' }], process.env);
    const request = given({
      container: args.container,
      command,
      env,
      user,
      workingDir,
      replica,
      tty: tty || undefined,
      stdin: stdin || undefined,
    });
    const exitCode = await runInContainer(this.client(flags), request, this.jsonEnabled());
    if (this.jsonEnabled()) this.line({ exitCode });
    process.exitCode = exitCode;
  }

  protected override async catch(thrown: Error): Promise<never> {
    try {
      return await super.catch(thrown);
    } catch (failed) {
      throw withStatus(failed, execStatusOf(failed));
    }
  }
}
