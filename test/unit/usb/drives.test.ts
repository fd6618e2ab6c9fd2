import { describe, expect, it } from 'vitest';

import { createLinuxDriveLister, deviceNumber } from '../../../src/core/platform/linux/drives.js';
import { fakeMachine } from '../../support/fake-machine.js';

const usb = 'pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0';
const sata = 'pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0';

async function drives(machine: Parameters<typeof fakeMachine>[0]) {
  await using planted = await fakeMachine(machine);
  const found = await createLinuxDriveLister(planted.roots).list();
  return found.map((drive) => ({ ...drive, path: drive.path.replace(planted.roots.dev, '/dev') }));
}

const stick = {
  name: 'sdb',
  number: '8:16',
  bus: usb,
  model: 'Ultra Fit',
  serial: '4C53',
  removable: true,
};

// Goal: what would be lost, and whom it would hurt, is known before anything is written.
describe('the drives of a machine', () => {
  it('tell a stick with model, serial, name by id, size and labels', async () => {
    const found = await drives({
      disks: [
        {
          ...stick,
          sectors: 30_031_872,
          partitions: [
            { name: 'sdb1', number: '8:17', udev: { ID_FS_LABEL: 'PHOTOS', ID_FS_TYPE: 'vfat' } },
          ],
        },
      ],
      byId: { 'usb-SanDisk_Ultra_Fit_4C53-0:0': 'sdb', 'wwn-0x5000': 'sdb' },
    });

    expect(found).toMatchObject([
      {
        path: '/dev/sdb',
        model: 'Ultra Fit',
        serial: '4C53',
        byId: 'usb-SanDisk_Ultra_Fit_4C53-0:0',
        sizeBytes: 30_031_872 * 512,
        transport: 'usb',
        removable: true,
        uses: [],
        partitions: [{ label: 'PHOTOS', filesystem: 'vfat', mountpoints: [] }],
      },
    ]);
  });

  it('are removable on USB, even if the disk says that it is fixed', async () => {
    const found = await drives({ disks: [{ ...stick, removable: false }] });

    expect(found).toMatchObject([{ removable: true }]);
  });

  it.each([
    ['/', 'system'],
    ['/boot/efi', 'system'],
    ['/usr', 'system'],
    ['/media/ana/PHOTOS', 'mounted'],
    ['/mnt/my photos', 'mounted'],
  ])('know what a mount at %s means', async (mountpoint, use) => {
    const [found] = await drives({
      disks: [{ ...stick, partitions: [{ name: 'sdb1', number: '8:17' }] }],
      mounts: [{ number: '8:17', mountpoint }],
    });

    expect(found?.uses).toContain(use);
    expect(found?.partitions[0]?.mountpoints).toEqual([mountpoint]);
  });

  it('see the system behind encryption and volumes that are built on a disk', async () => {
    const [found] = await drives({
      disks: [
        {
          name: 'sda',
          number: '8:0',
          bus: sata,
          partitions: [{ name: 'sda2', number: '8:2', holders: ['dm-0'] }],
        },
        { name: 'dm-0', number: '254:0', bus: 'virtual', holders: ['dm-1'] },
        { name: 'dm-1', number: '254:1', bus: 'virtual' },
      ],
      mounts: [{ number: '254:1', mountpoint: '/' }],
    });

    expect(found).toMatchObject({ path: '/dev/sda' });
    expect(found?.uses.toSorted()).toEqual(['lvm', 'mounted', 'system']);
  });

  it('see swap, RAID and other holders', async () => {
    const found = await drives({
      disks: [
        { name: 'sda', number: '8:0', bus: sata, partitions: [{ name: 'sda1', number: '8:1' }] },
        { name: 'sdc', number: '8:32', bus: sata, holders: ['md0'] },
        { name: 'sdd', number: '8:48', bus: sata, holders: ['bcache0'] },
      ],
      swaps: ['sda1'],
    });

    expect(found.map(({ uses }) => uses)).toEqual([['swap'], ['raid'], ['holder']]);
  });

  it('see a file system that shows the number of no disk, such as btrfs', async () => {
    await using planted = await fakeMachine({
      disks: [{ ...stick, partitions: [{ name: 'sdb1', number: '8:17' }] }],
    });
    const { roots } = planted;
    await using mounted = await fakeMachine({
      disks: [{ ...stick, partitions: [{ name: 'sdb1', number: '8:17' }] }],
      mounts: [{ number: '0:42', mountpoint: '/srv', type: 'btrfs', source: `${roots.dev}/sdb1` }],
    });

    const [found] = await createLinuxDriveLister({ ...roots, proc: mounted.roots.proc }).list();

    expect(found?.uses).toEqual(['mounted']);
  });

  it('leave out what nobody could mean', async () => {
    const found = await drives({
      disks: ['ram0', 'zram0', 'sr0', 'md0', 'dm-0', 'loop0'].map((name, index) => ({
        name,
        number: `1:${index}`,
        bus: 'virtual',
      })),
    });

    expect(found).toEqual([]);
  });
});

it('reads device numbers as the kernel packs them', () => {
  // makedev(3): stat of /dev/sdb, of an NVMe partition with a large minor, of a device mapper.
  expect(deviceNumber(0x0810)).toBe('8:16');
  expect(deviceNumber(0x10000103)).toBe('1:65539');
  expect(deviceNumber(0xfe01)).toBe('254:1');
});
