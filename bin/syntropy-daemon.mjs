#!/usr/bin/env node
// The core daemon. Started by `syntropy daemon start`, by `syntropy daemon run` and by the service unit.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    `Error: the daemon needs Node 24, and this is Node ${process.versions.node}. Start it with \`syntropy daemon start\`.\n`,
  );
  process.exit(8);
}
await import('../dist/daemon.mjs');
