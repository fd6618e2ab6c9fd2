import { execFileSync } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { createImageInspector } from '../../../src/core/platform/common/stick/image-inspector.js';
import { createOutputProbe } from '../../../src/core/platform/common/stick/output-probe.js';
import { createDriveProbe } from '../../../src/core/platform/linux/drive-probe.js';
import { createLinuxDriveLister } from '../../../src/core/platform/linux/drives.js';
import { UsbService } from '../../../src/core/services/usb/usb.service.js';
import { fakeMachine } from '../../support/fake-machine.js';
import { missing } from '../../support/requirements.js';

/** A planted machine with device nodes of its own: the kernel here makes no partitions of loop devices. */
async function machine() {
  const planted = await fakeMachine({
    disks: [
      {
        name: 'sdb',
        number: '8:16',
        bus: 'pci0000:00/usb1/1-2',
        partitions: [{ name: 'sdb1', number: '8:17' }],
      },
      { name: 'sda', number: '8:0', bus: 'pci0000:00/ata1' },
    ],
    mounts: [{ number: '8:0', mountpoint: '/' }],
    byId: { 'usb-Stick_1': 'sdb' },
  });
  const { dev } = planted.roots;
  for (const [name, minor] of [
    ['sdb', '16'],
    ['sdb1', '17'],
    ['sda', '0'],
    ['sdz', '250'],
  ] as const) {
    execFileSync('mknod', [path.join(dev, name), 'b', '8', minor]);
  }
  await writeFile(path.join(dev, 'file'), '');
  await symlink('sdb', path.join(dev, 'stick'));
  const drives = createLinuxDriveLister(planted.roots);
  const usb = new UsbService({
    drives,
    probe: createDriveProbe(),
    images: createImageInspector(),
    outputs: createOutputProbe(),
    writer: { write: () => Promise.reject(new TypeError('Nothing is written here.')) },
    maxConcurrentWrites: 1,
  });
  const plan = (name: string) =>
    usb.plan({
      target: { device: path.join(dev, name) },
      image: 'seed',
      needsCidata: false,
      unmount: true,
      acceptRisks: ['not-removable'],
    });
  return { dev, drives, plan, [Symbol.asyncDispose]: () => planted[Symbol.asyncDispose]() };
}

// Goal: a path that is no whole, idle disk is never taken for one.
describe.skipIf(missing('root'))('a device that is asked for', () => {
  it.each([
    ['sdb1', 'DEVICE_IS_PARTITION'],
    ['sda', 'DEVICE_SYSTEM'],
    ['file', 'DEVICE_NOT_BLOCK'],
    ['.', 'DEVICE_NOT_BLOCK'],
    ['nothing', 'DEVICE_NOT_FOUND'],
    ['sdz', 'DEVICE_NOT_FOUND'],
  ])('at %s is refused with %s', async (name, code) => {
    await using planted = await machine();

    await expect(planted.plan(name)).rejects.toMatchObject({ code });
  });

  it('is found by a link to it, under its own name', async () => {
    await using planted = await machine();

    const found = await planted.drives.lookup(path.join(planted.dev, 'stick'));

    expect(found).toMatchObject({
      kind: 'drive',
      drive: { path: path.join(planted.dev, 'sdb'), byId: 'usb-Stick_1' },
    });
  });

  it('names the disk of a partition', async () => {
    await using planted = await machine();

    expect(await planted.drives.lookup(path.join(planted.dev, 'sdb1'))).toEqual({
      kind: 'partition',
      ofPath: path.join(planted.dev, 'sdb'),
    });
  });
});
