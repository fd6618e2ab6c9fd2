import { askAgent } from '../../cli/agent-process.js';
import { describeAgent } from '../../cli/agent-view.js';
import { MachineCommand } from '../../cli/machine-command.js';

const TIMEOUT_MS = 10_000;

export default class AgentStatus extends MachineCommand {
  static override summary = 'Show how the agent of this machine is doing.';
  static override description = 'Needs no daemon: it tells what the agent last knew.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(AgentStatus);
    const { stateDir } = this.paths(flags);
    const { agent } = await askAgent({
      installation: this.installation,
      stateDir,
      verb: 'status',
      timeoutMs: TIMEOUT_MS,
    });
    this.log('%s', describeAgent(agent));
    return { agent };
  }
}
