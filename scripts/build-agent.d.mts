/** Fills the folder `out` with a release of the agent. */
export function buildAgent(out: string, version: string): Promise<void>;
