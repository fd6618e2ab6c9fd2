#!/usr/bin/env node
// The agent of a node. Started by `syntropy agent run` and by the service unit.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    `Error: the agent needs Node 24, and this is Node ${process.versions.node}. Start it with \`syntropy agent run\`.\n`,
  );
  process.exit(8);
}
await import('../dist/agent/agent.mjs');
