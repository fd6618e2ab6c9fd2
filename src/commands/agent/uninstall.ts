import { askAgent } from '../../cli/agent-process.js';
import { serviceIn } from '../../cli/agent-view.js';
import { MachineCommand } from '../../cli/machine-command.js';
import { confirm } from '../../cli/confirm.js';
import { yesFlag } from '../../cli/flags.js';

const TIMEOUT_MS = 120_000;

export default class AgentUninstall extends MachineCommand {
  static override summary = 'Remove the agent from the services of this system.';
  static override description =
    'Stops it, and removes its systemd unit and /usr/local/lib/syntropy-agent. The machine is a node still, with its keys: `syntropy agent leave` ends that. Needs root.';
  static override examples = ['sudo <%= config.bin %> <%= command.id %> --yes'];
  static override flags = yesFlag;

  async run(): Promise<object> {
    const { flags } = await this.parse(AgentUninstall);
    await confirm({
      message: 'Stop the agent and remove it from this system? Its keys stay.',
      yes: flags.yes,
      json: this.jsonEnabled(),
    });
    const { stateDir } = this.paths(flags);
    const answer = await askAgent({
      installation: this.installation,
      stateDir,
      verb: 'uninstall',
      timeoutMs: TIMEOUT_MS,
    });
    const { unitFile } = serviceIn(answer['service']);
    this.log('Removed %s.', unitFile);
    return { service: { unitFile } };
  }
}
