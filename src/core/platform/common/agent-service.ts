import type { AgentServiceHost } from '../../services/node/agent-service.ports.js';

import { AppError } from '../../types/errors/app-error.js';
import { systemdAgentService } from '../linux/agent-service.js';

/** The service manager of this system. @throws {AppError} CAPABILITY_MISSING. */
export function hostAgentService(): AgentServiceHost {
  if (process.platform === 'linux') return systemdAgentService();
  throw new AppError(
    'CAPABILITY_MISSING',
    `An agent is installed with systemd, on Linux; here, run it with \`syntropy agent run\`.`,
  );
}
