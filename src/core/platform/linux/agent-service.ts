import { execFile } from 'node:child_process';
import { access, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import type { AgentServiceHost } from '../../services/node/agent-service.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { systemdWord } from '../../utils/systemd-word.js';

const UNIT = 'syntropy-agent.service';
const COMMAND_TIMEOUT_MS = 60_000;

const run = promisify(execFile);

/** The agent as a service of systemd. @param units - the folder of the system's own units; elsewhere in tests. */
export function systemdAgentService(units = '/etc/systemd/system'): AgentServiceHost {
  const unitFile = path.join(units, UNIT);
  return {
    describe: (template, { command, membershipFile }) =>
      template
        .replace(/^ExecStart=.*$/m, () => `ExecStart=${command.map(systemdWord).join(' ')}`)
        .replace(
          /^ConditionPathExists=.*$/m,
          () => `ConditionPathExists=${membershipFile.replaceAll('%', '%%')}`,
        ),
    async install(text) {
      requireRoot();
      // Whole or not at all, also when the power goes: without it the machine is no node after its next start.
      await writeFile(`${unitFile}.new`, text, { mode: 0o644, flush: true });
      await rename(`${unitFile}.new`, unitFile);
      if (await systemdRuns()) {
        await systemctl('daemon-reload');
        await systemctl('enable', UNIT);
      }
      return { unitFile };
    },
    async start() {
      const runs = await systemdRuns();
      // Not waited for: whoever asks may be a service itself, that the other comes after.
      if (runs) await systemctl('restart', '--no-block', UNIT);
      return runs;
    },
    async isRunning() {
      return (await systemdRuns()) && systemctl('is-active', '--quiet', UNIT).then(...asAnswer);
    },
    async uninstall() {
      requireRoot();
      await access(unitFile).catch(() => {
        throw new AppError('AGENT_NOT_INSTALLED', 'No agent is installed as a service.');
      });
      const runs = await systemdRuns();
      if (runs) await systemctl('disable', '--now', UNIT);
      await rm(unitFile);
      if (runs) await systemctl('daemon-reload');
      return { unitFile };
    },
    async disable(unit) {
      // An image without cloud-init has no such unit.
      if (await systemdRuns()) await systemctl('disable', '--quiet', '--', unit).catch(() => {});
    },
  };
}

/** Whether a command succeeded. */
const asAnswer = [() => true, () => false] as const;

function requireRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new AppError('PERMISSION_DENIED', 'Only root installs services: use sudo.');
}

/** sd_booted(3): the folder is there when systemd is what runs this machine. */
function systemdRuns(): Promise<boolean> {
  return access('/run/systemd/system').then(
    () => true,
    () => false,
  );
}

async function systemctl(...args: readonly string[]): Promise<void> {
  try {
    await run('systemctl', args, { timeout: COMMAND_TIMEOUT_MS });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new AppError(
      'AGENT_FAILED',
      `systemctl ${args.join(' ')} failed. ${said.replaceAll(/\p{C}/gu, ' ').slice(0, 200)}`,
    );
  }
}
