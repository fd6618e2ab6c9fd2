import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe } from 'vitest';

import { WireguardGoDriver } from '../../../src/core/platform/linux/tunnel/wireguard-go-driver.js';
import { lan } from '../../support/netns.js';
import { missing } from '../../support/requirements.js';
import { tunnelContract } from '../../support/tunnel-contract.js';

const TAKEN = { address: '10.88.0.9', route: '10.55.0.0/16', port: 40_000 };

describe.skipIf(missing('netns', 'wireguard'))('on Linux', () => {
  tunnelContract('wireguard-go', async () => {
    const network = lan(1);
    const [host] = network.hosts;
    const within = host?.within ?? [];
    const ip = (...words: readonly string[]) => run([...within, 'ip', ...words]);
    const program = `require('dgram').createSocket('udp4').bind(${TAKEN.port}, () => console.log('ready'))`;
    const [first = '', ...words] = within;
    const holder = spawn(first, [...words, process.execPath, '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const name = `t${process.pid.toString(36)}`;
    const open = (owner: string) => () => new WireguardGoDriver({ name, owner, within });
    await once(holder.stdout, 'data');
    // The lab's own network would be the mesh's otherwise.
    await ip('address', 'del', '10.77.0.1/24', 'dev', 'eth0');
    await ip('address', 'add', `${TAKEN.address}/24`, 'dev', 'eth0');
    await ip('route', 'add', TAKEN.route, 'via', '10.88.0.1');
    return {
      open: open(`syn-${process.pid}`),
      stranger: open('somebody-else'),
      taken: TAKEN,
      async [Symbol.asyncDispose]() {
        await open(`syn-${process.pid}`)().remove();
        const ended = once(holder, 'exit');
        holder.kill('SIGKILL');
        await ended;
        network[Symbol.dispose]();
      },
    };
  });
});

async function run(words: readonly string[]): Promise<void> {
  const [program = '', ...args] = words;
  const [status] = await once(spawn(program, args, { stdio: 'inherit' }), 'exit');
  if (status !== 0) throw new Error(`${words.join(' ')} ended with ${String(status)}.`);
}
