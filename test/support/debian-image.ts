import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const BUILD_TIMEOUT_MS = 480_000;
/** Where its root file system begins. */
export const ROOT_STARTS_MIB = 129;
const FAT_MIB = ROOT_STARTS_MIB - 1;
const ROOT_MIB = 1_500;
/** An ordinary Debian with cloud-init, and nothing of ours. */
const PACKAGES = [
  'systemd-sysv',
  'udev',
  'dbus',
  'linux-image-amd64',
  'netbase',
  'iproute2',
  'ifupdown',
  'isc-dhcp-client',
  'ca-certificates',
  'curl',
  'cloud-init',
];
/** What no emulated machine has, and nobody reads: half of the time and of the room. */
const LEFT_OUT = [
  '/usr/share/doc/*',
  '/usr/share/man/*',
  '/usr/share/locale/*',
  '/lib/modules/*/kernel/drivers/gpu/*',
  '/lib/modules/*/kernel/drivers/media/*',
  '/lib/modules/*/kernel/drivers/infiniband/*',
  '/lib/modules/*/kernel/drivers/net/wireless/*',
  '/lib/modules/*/kernel/drivers/net/ethernet/*',
  '/lib/modules/*/kernel/sound/*',
];
const SYSLINUX = `DEFAULT linux
PROMPT 0
TIMEOUT 1
LABEL linux
 KERNEL vmlinuz
 APPEND initrd=initrd.img root=LABEL=syntropy-root rootwait ro console=ttyS0 net.ifnames=0
`;

/**
 * A disk with Debian on it that boots on a PC, also from an emulated USB stick: a FAT partition labelled CIDATA with syslinux and the
 * kernel, and an ext4 one with the system. Made once and kept; nothing is mounted. Another recipe is another image.
 */
export async function debianImage(): Promise<string> {
  const recipe = JSON.stringify([PACKAGES, LEFT_OUT, SYSLINUX, FAT_MIB, ROOT_MIB]);
  const id = createHash('sha256').update(recipe).digest('hex').slice(0, 12);
  const cache = path.resolve('node_modules/.cache/syntropy');
  const image = path.join(cache, `debian-${id}.img`);
  if (existsSync(image)) return image;
  const folder = path.join(cache, `debian-${id}.${process.pid}`);
  await mkdir(folder, { recursive: true });
  try {
    await unpackDebian(folder);
    await makeFat(folder);
    await makeRoot(folder);
    await makeDisk(folder);
    await rename(path.join(folder, 'disk.img'), image);
    return image;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(folder: string, file: string, ...args: string[]): Promise<void> {
  await exec(file, args, { cwd: folder, timeout: BUILD_TIMEOUT_MS, maxBuffer: 64 << 20 });
}

async function unpackDebian(folder: string): Promise<void> {
  const excluded = LEFT_OUT.map((pattern) => `--dpkgopt=path-exclude=${pattern}`);
  const included = `--include=${PACKAGES.join()}`;
  const how = ['--quiet', '--variant=minbase', ...excluded, included];
  await run(folder, 'mmdebstrap', ...how, 'bookworm', 'root');
  const root = path.join(folder, 'root');
  await writeFile(path.join(root, 'etc/hostname'), 'not-named-yet\n');
  await writeFile(
    path.join(root, 'etc/fstab'),
    'LABEL=syntropy-root / ext4 errors=remount-ro 0 1\n',
  );
  // Each machine makes its own.
  await writeFile(path.join(root, 'etc/machine-id'), '');
}

async function makeFat(folder: string): Promise<void> {
  const boot = await readdir(path.join(folder, 'root/boot'));
  const find = (prefix: string) => boot.find((name) => name.startsWith(prefix)) ?? prefix;
  await writeFile(path.join(folder, 'syslinux.cfg'), SYSLINUX);
  await run(folder, 'truncate', '-s', `${FAT_MIB}M`, 'fat.img');
  await run(folder, 'mkfs.vfat', '-F', '32', '-n', 'CIDATA', 'fat.img');
  for (const [from, to] of [
    [`root/boot/${find('vmlinuz-')}`, 'vmlinuz'],
    [`root/boot/${find('initrd.img-')}`, 'initrd.img'],
    ['syslinux.cfg', 'syslinux.cfg'],
  ] as const) {
    await run(folder, 'mcopy', '-i', 'fat.img', from, `::${to}`);
  }
  await run(folder, 'syslinux', '--install', 'fat.img');
}

async function makeRoot(folder: string): Promise<void> {
  await run(folder, 'truncate', '-s', `${ROOT_MIB}M`, 'root.ext4');
  await run(folder, 'mke2fs', '-q', '-t', 'ext4', '-L', 'syntropy-root', '-d', 'root', 'root.ext4');
  await rm(path.join(folder, 'root'), { recursive: true });
}

async function makeDisk(folder: string): Promise<void> {
  const fat = FAT_MIB * 2_048;
  const table = `label: dos\nstart=2048,size=${fat},type=c,bootable\nstart=${2_048 + fat},type=83\n`;
  await writeFile(path.join(folder, 'table'), table);
  await run(folder, 'truncate', '-s', `${FAT_MIB + ROOT_MIB + 2}M`, 'disk.img');
  await run(folder, 'sh', '-c', 'sfdisk -q disk.img < table');
  const dd = ['of=disk.img', 'conv=notrunc,sparse', 'status=none'];
  await run(folder, 'dd', 'if=/usr/lib/syslinux/mbr/mbr.bin', ...dd, 'bs=440', 'count=1');
  await run(folder, 'dd', 'if=fat.img', ...dd, 'bs=1M', 'seek=1');
  await run(folder, 'dd', 'if=root.ext4', ...dd, 'bs=1M', `seek=${ROOT_STARTS_MIB}`);
}
