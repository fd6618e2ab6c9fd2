import { Flags } from '@oclif/core';

import { containerFlags } from '../../cli/agent-flags.js';
import { askAgent } from '../../cli/agent-process.js';
import { nodeRefIn } from '../../cli/agent-view.js';
import { MachineCommand } from '../../cli/machine-command.js';
import { confirm } from '../../cli/confirm.js';
import { parseDuration } from '../../cli/duration.js';
import { timeoutFlag, yesFlag } from '../../cli/flags.js';

const TIMEOUT_MS = 60_000;

export default class AgentLeave extends MachineCommand {
  static override summary = 'Leave the grid: this machine is a node no more.';
  static override description =
    'Its keys are taken away here and good for nothing there; an agent that runs ends by itself. The containers of the grid on this machine are removed. To come back it needs a new token.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --yes',
    '<%= config.bin %> <%= command.id %> --yes --force --json',
  ];
  static override flags = {
    force: Flags.boolean({
      summary:
        'Also when the daemon does not answer; to the grid the node is then lost after a while.',
    }),
    engine: containerFlags.engine,
    ...yesFlag,
    ...timeoutFlag,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(AgentLeave);
    const { stateDir } = this.paths(flags);
    await confirm({
      message: 'Leave the grid and take the keys of this machine away?',
      yes: flags.yes,
      json: this.jsonEnabled(),
    });
    const answer = await askAgent({
      installation: this.installation,
      stateDir,
      verb: 'leave',
      args: ['--engine', flags.engine, ...(flags.force ? ['--force'] : [])],
      timeoutMs: flags.timeout === undefined ? TIMEOUT_MS : parseDuration(flags.timeout, 'timeout'),
    });
    const node = nodeRefIn(answer['node']);
    const isTold = answer['told'] === true;
    this.log('This machine is no longer node %s.', node.name);
    if (!isTold) this.note('The daemon could not be told: delete the node there.');
    return { agent: { node, told: isTold } };
  }
}
