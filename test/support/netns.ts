import { execFileSync } from 'node:child_process';

let made = 0;

const ip = (...args: readonly string[]) => execFileSync('ip', args, { stdio: 'pipe' });

/** So many hosts on one switch, each in a network namespace of its own, with no route to anywhere else. */
export function lan(count: number) {
  made += 1;
  const name = `syntropy-${process.pid}-${made}`;
  const hosts = Array.from({ length: count }, (_, n) => ({
    namespace: `${name}-${n}`,
    address: `10.77.0.${n + 1}`,
    /** The words before a command that runs it there. */
    within: ['ip', 'netns', 'exec', `${name}-${n}`],
    /** Pulls its cable, or puts it in again. */
    unplug: () => ip('-n', name, 'link', 'set', `port${n}`, 'down'),
    plug: () => ip('-n', name, 'link', 'set', `port${n}`, 'up'),
  }));
  const remove = () => {
    for (const namespace of [name, ...hosts.map((host) => host.namespace)]) {
      try {
        ip('netns', 'del', namespace);
      } catch {
        // It was not made.
      }
    }
  };
  try {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'add', 'switch', 'type', 'bridge');
    ip('-n', name, 'link', 'set', 'switch', 'up');
    for (const [n, { namespace, address }] of hosts.entries()) {
      ip('netns', 'add', namespace);
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'link', 'add', `port${n}`, 'type', 'veth', 'peer', 'eth0', 'netns', namespace);
      ip('-n', name, 'link', 'set', `port${n}`, 'master', 'switch', 'up');
      ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0');
      ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    }
  } catch (error) {
    remove();
    throw error;
  }
  return { hosts, [Symbol.dispose]: remove };
}
