import { canonical, MemoryMachine, MemoryTunnel } from '../../support/memory-tunnel.js';
import { tunnelContract } from '../../support/tunnel-contract.js';

const TAKEN = { address: '10.77.0.9', route: '10.55.0.0/16', port: 40_000 };

tunnelContract('the twin in memory', async () => {
  const machine = new MemoryMachine();
  for (const prefix of [TAKEN.address, TAKEN.route]) {
    machine.taken.prefixes.add(canonical(prefix));
  }
  machine.taken.ports.add(TAKEN.port);
  return {
    open: () => new MemoryTunnel(machine, 'mesh0', 'node-1'),
    stranger: () => new MemoryTunnel(machine, 'mesh0', 'node-2'),
    taken: TAKEN,
    [Symbol.asyncDispose]: async () => undefined,
  };
});
