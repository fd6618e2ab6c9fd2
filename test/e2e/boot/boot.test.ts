import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';

import { documentOf } from '../../support/cli.js';
import { daemonProcess } from '../../support/daemon-process.js';
import { loopDevice } from '../../support/loop-device.js';
import { miniImage } from '../../support/mini-image.js';
import { missing } from '../../support/requirements.js';

const BOOT_TIMEOUT_MS = 120_000;
const MAX_CONSOLE = 1 << 20;

/** Boots an emulated PC (no KVM) from a disk, and answers what its serial console said until it turned off. */
async function boot(disk: string): Promise<string> {
  const machine = spawn(
    'qemu-system-x86_64',
    [
      '-accel tcg,thread=multi -cpu max -m 256 -nographic -no-reboot -nic none -drive'.split(' '),
      `file=${disk},format=raw,if=virtio,cache=none`,
    ].flat(),
    { stdio: ['ignore', 'pipe', 'pipe'], timeout: BOOT_TIMEOUT_MS, killSignal: 'SIGKILL' },
  );
  let console = '';
  const keep = (text: string) => {
    if (console.length < MAX_CONSOLE) console += text;
  };
  machine.stdout.setEncoding('utf8').on('data', keep);
  machine.stderr.setEncoding('utf8').on('data', keep);
  return new Promise((resolve, reject) => {
    machine.once('error', reject);
    machine.once('close', () => resolve(console));
  });
}

// Goal: a machine that starts from a written stick knows who it is and whom to ask.
describe.skipIf(missing('root', 'loop', 'qemu', 'mtools', 'syslinux'))('a machine', () => {
  it(
    'that boots from a written stick says the name and the daemon that it was given',
    async () => {
      const image = await miniImage();
      await using daemon = await daemonProcess();
      await using device = await loopDevice({ sizeBytes: 64 << 20 });

      const flags = '--daemon-url https://10.0.2.2:18080 --accept-risk not-removable --yes --json';
      const create = [
        'node',
        'create',
        '--name',
        'node-42',
        '--usb',
        device.path,
        '--image',
        image,
      ];
      const written = await daemon.cli(...create, ...flags.split(' '));
      expect(documentOf(written)).toMatchObject({ node: { status: 'provisioned' } });
      const said = await boot(device.path);

      expect(said).toContain(
        'BOOTED name=node-42 host="node-42" url=https://10.0.2.2:18080 token=yes',
      );
    },
    BOOT_TIMEOUT_MS * 3,
  );
});
