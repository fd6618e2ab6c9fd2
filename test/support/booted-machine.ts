import { type ChildProcess, spawn } from 'node:child_process';

const MAX_CONSOLE = 1 << 20;
/** Longer than any test of one; it is ended with the test. */
const LIFE_MS = 900_000;

/** An emulated PC (no KVM) that starts from a disk as from a USB stick, and reaches this host as 10.0.2.2. */
export function bootedMachine(disk: string) {
  let machine: ChildProcess | undefined;
  let console = '';
  const keep = (text: string) => {
    if (console.length < MAX_CONSOLE) console += text;
  };
  const start = () => {
    const args = [
      '-accel tcg,thread=multi -cpu max -m 1024 -smp 2 -nographic -nic user,model=virtio-net-pci',
      '-device qemu-xhci -device usb-storage,drive=stick,removable=on,bootindex=1',
    ];
    const drive = `if=none,id=stick,file=${disk},format=raw,cache=none`;
    const started = spawn('qemu-system-x86_64', [...args.join(' ').split(' '), '-drive', drive], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIFE_MS,
      killSignal: 'SIGKILL',
    });
    started.stdout.setEncoding('utf8').on('data', keep);
    started.stderr.setEncoding('utf8').on('data', keep);
    started.once('error', (error) => keep(error.message));
    machine = started;
  };
  const cutPower = async () => {
    const running = machine;
    machine = undefined;
    if (!running || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once('close', resolve));
    running.kill('SIGKILL');
    await ended;
  };
  start();
  return {
    /** What its serial console has said, over all starts. */
    get console() {
      return console;
    },
    /** As when somebody pulls the plug. */
    cutPower,
    /** As when somebody puts it in again. */
    start,
    [Symbol.asyncDispose]: cutPower,
  };
}
