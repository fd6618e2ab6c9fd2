import { Flags } from '@oclif/core';

import { containerArgs, containerFlags } from '../../cli/agent-flags.js';
import { askAgent } from '../../cli/agent-process.js';
import { serviceIn } from '../../cli/agent-view.js';
import { MachineCommand } from '../../cli/machine-command.js';

/** It copies itself and its Node, some 130 MB, to a disk that may be slow. */
const TIMEOUT_MS = 300_000;

export default class AgentInstall extends MachineCommand {
  static override summary = 'Install the agent as a service of this system.';
  static override description =
    'Copies the agent with its own Node to /usr/local/lib/syntropy-agent, writes its systemd unit, enables and starts it. The machine must have joined. Needs root; --dry-run shows the unit and needs nothing. Repeat it to bring the service to this version, or to change what the grid may do.';
  static override examples = [
    'sudo <%= config.bin %> <%= command.id %>',
    'sudo <%= config.bin %> <%= command.id %> --allow-restart --allow-update --json',
    '<%= config.bin %> <%= command.id %> --dry-run',
  ];
  static override flags = {
    'allow-restart': Flags.boolean({
      summary: 'Let the grid start this machine anew with `node restart`.',
    }),
    'allow-update': Flags.boolean({
      summary: 'Let the grid replace the agent with `node update --agent-version`.',
    }),
    ...containerFlags,
    'dry-run': Flags.boolean({ summary: 'Only show the unit.' }),
    'no-start': Flags.boolean({ summary: 'Do not start it now.' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(AgentInstall);
    const { stateDir } = this.paths(flags);
    const switches = ['allow-restart', 'allow-update', 'dry-run', 'no-start'] as const;
    const answer = await askAgent({
      installation: this.installation,
      stateDir,
      verb: 'install',
      args: [
        ...switches.filter((name) => flags[name]).map((name) => `--${name}`),
        ...containerArgs(flags),
      ],
      timeoutMs: TIMEOUT_MS,
    });
    if (flags['dry-run']) {
      const unit = String(answer['unit']);
      this.log('%s', unit.trimEnd());
      return { unit };
    }
    const service = serviceIn(answer['service']);
    this.log(
      service.started
        ? `Installed ${service.unitFile} and started it.`
        : `Installed ${service.unitFile}. Start it with \`systemctl start syntropy-agent\`.`,
    );
    return { service };
  }
}
