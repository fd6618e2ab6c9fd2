import { Flags } from '@oclif/core';

import { containerArgs, containerFlags } from '../../cli/agent-flags.js';
import { agentProgram } from '../../cli/agent-process.js';
import { MachineCommand } from '../../cli/machine-command.js';
import { runForeground } from '../../cli/foreground.js';

export default class AgentRun extends MachineCommand {
  static override summary =
    'Run the agent of this machine in the foreground, with its log on stderr.';
  static override description =
    'Ends with the status of the agent: 3 when the grid will have it no more, 0 when this machine has left it. Ctrl-C stops it.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --state-dir /var/lib/syntropy --allow-restart',
  ];
  static override flags = {
    'allow-restart': Flags.boolean({
      summary: 'Let the grid start this machine anew with `node restart`.',
    }),
    ...containerFlags,
  };
  static override enableJsonFlag = false;

  async run(): Promise<void> {
    const { flags } = await this.parse(AgentRun);
    const { stateDir } = this.paths(flags);
    const allowed = flags['allow-restart'] ? ['--allow-restart'] : [];
    const program = agentProgram(this.installation);
    const args = [...program, 'run', '--state-dir', stateDir, ...allowed, ...containerArgs(flags)];
    this.exit(await runForeground(args, { bound: true }));
  }
}
