// Machines of a network of their own: each is a network namespace with one card, and all are plugged into a bridge in a namespace that stands for the
// internet. Nothing of it is in the host's own network. Needs root and iproute2.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BRIDGE = 'br0';
/** Of documentation (RFC 5737): nobody's. */
const NETWORK = '192.0.2';

/** @param prefix - of the names of its namespaces, which are the host's: of this process alone. */
export async function openInternet(prefix) {
  const core = `${prefix}-net`;
  const namespaces = [];
  const add = async (namespace) => {
    await ip('netns', 'add', namespace);
    namespaces.push(namespace);
  };
  const close = async () => {
    for (const namespace of namespaces.splice(0)) await ip('netns', 'del', namespace);
  };
  try {
    await add(core);
    await ip('-n', core, 'link', 'add', BRIDGE, 'type', 'bridge');
    await ip('-n', core, 'link', 'set', BRIDGE, 'up');
  } catch (error) {
    await close();
    throw error;
  }
  return {
    /** @param host - last part of its address; another one for each machine. */
    async plug(name, host) {
      const namespace = `${prefix}-${name}`;
      const port = `p${host}`;
      const address = `${NETWORK}.${host}`;
      await add(namespace);
      const pair = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace];
      await ip('-n', core, 'link', 'add', port, ...pair);
      await ip('-n', core, 'link', 'set', port, 'master', BRIDGE, 'up');
      await ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
      await ip('-n', namespace, 'link', 'set', 'lo', 'up');
      return { namespace, address, port };
    },
    /** What it sends is lost from now on, and what is sent to it. It is told nothing of that: its card is up and connections stay open. */
    cut: ({ port }) => ip('-n', core, 'link', 'set', port, 'nomaster'),
    mend: ({ port }) => ip('-n', core, 'link', 'set', port, 'master', BRIDGE),
    /** Processes in it must have ended. */
    close,
  };
}

function ip(...args) {
  return run('ip', args);
}
