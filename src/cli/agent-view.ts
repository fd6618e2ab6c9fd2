import { formatAge } from './format.js';
import { fields } from './table.js';

/** A node in what a process of ours says. */
export function nodeRefIn(value: unknown): { readonly id: string; readonly name: string } {
  const node = new Map<string, unknown>(Object.entries(value ?? {}));
  return { id: String(node.get('id')), name: String(node.get('name')) };
}

/** How the agent of this machine is doing, a line each. */
export function describeAgent(value: unknown): string {
  const agent = new Map<string, unknown>(Object.entries(value ?? {}));
  const text = (key: string) => (agent.has(key) ? String(agent.get(key)) : undefined);
  const node = nodeRefIn(agent.get('node'));
  const trouble = new Map<string, unknown>(Object.entries(agent.get('trouble') ?? {}));
  const since = text('since');
  return fields([
    ['Node', node.name],
    ['Id', node.id],
    ['Daemon', text('url')],
    [
      'State',
      agent.get('isRunning') === true
        ? `${text('state') ?? 'starting'}${since === undefined ? '' : ` for ${formatAge(since)}`}`
        : 'not running',
    ],
    [
      'Trouble',
      trouble.size > 0
        ? `${String(trouble.get('message'))} (${String(trouble.get('code'))})`
        : undefined,
    ],
    ['Process', text('pid')],
    ['Version', text('version')],
    ['Joined', text('joinedAt')],
  ]);
}

/** A service of the system in what a process of ours says. */
export function serviceIn(value: unknown): {
  readonly unitFile: string;
  readonly home: string;
  readonly version: string;
  readonly started: boolean;
} {
  const service = new Map<string, unknown>(Object.entries(value ?? {}));
  return {
    unitFile: String(service.get('unitFile')),
    home: String(service.get('home')),
    version: String(service.get('version')),
    started: service.get('started') === true,
  };
}
