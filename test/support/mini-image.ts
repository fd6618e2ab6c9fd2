import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const DOWNLOAD_TIMEOUT_MS = 180_000;
const FAT_MIB = 40;
const MODULES = [
  'kernel/drivers/virtio',
  'kernel/drivers/block/virtio_blk.ko',
  'kernel/fs/fat',
  'kernel/fs/nls/nls_ascii.ko',
  'kernel/fs/nls/nls_cp437.ko',
  'kernel/fs/nls/nls_iso8859-1.ko',
] as const;

async function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await exec(file, [...args], { cwd, timeout: DOWNLOAD_TIMEOUT_MS });
  return stdout;
}

/**
 * A small disk that boots on a PC: a FAT partition labelled CIDATA with syslinux, Debian's kernel and a system of one program
 * (test/fixtures/boot/init). Made once and kept; nothing is mounted and no package is installed for it.
 */
export async function miniImage(): Promise<string> {
  const folder = path.resolve('node_modules/.cache/syntropy/mini-image');
  const image = path.join(folder, 'mini.img');
  if (existsSync(image)) return image;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const kernel = await unpackKernel(folder);
  await makeInitramfs(folder, kernel.modules);
  await makeFat(folder, kernel.vmlinuz);
  await makeDisk(folder);
  await rename(path.join(folder, 'disk.img'), image);
  return image;
}

async function unpackKernel(folder: string) {
  const depends = await run('apt-cache', ['depends', 'linux-image-cloud-amd64'], folder);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1] ?? 'linux-image-cloud-amd64';
  await run('apt-get', ['download', '-q', name], folder);
  const deb = (await readdir(folder)).find((file) => file.endsWith('.deb')) ?? '';
  const root = path.join(folder, 'kernel');
  await run('dpkg-deb', ['-x', deb, root], folder);
  const [version = ''] = await readdir(path.join(root, 'lib/modules'));
  return {
    vmlinuz: path.join(root, 'boot', `vmlinuz-${version}`),
    modules: path.join(root, 'lib/modules', version),
  };
}

async function makeInitramfs(folder: string, modules: string): Promise<void> {
  const root = path.join(folder, 'initramfs');
  await mkdir(path.join(root, 'bin'), { recursive: true });
  await mkdir(path.join(root, 'modules'));
  await copyFile('/bin/busybox', path.join(root, 'bin/busybox'));
  await copyFile(path.resolve('test/fixtures/boot/init'), path.join(root, 'init'));
  await chmod(path.join(root, 'init'), 0o755);
  for (const module of MODULES) {
    const from = path.join(modules, module);
    const files = module.endsWith('.ko')
      ? [from]
      : (await readdir(from))
          .filter((file) => file.endsWith('.ko'))
          .map((file) => path.join(from, file));
    for (const file of files) await cp(file, path.join(root, 'modules', path.basename(file)));
  }
  // cpio takes the names on stdin, which execFile does not give: a line of shell without any variable text in it.
  await run(
    'sh',
    ['-c', 'cd initramfs && find . | cpio -o -H newc --quiet | gzip -1 > ../initrd.img'],
    folder,
  );
}

async function makeFat(folder: string, vmlinuz: string): Promise<void> {
  await run('truncate', ['-s', `${FAT_MIB}M`, 'fat.img'], folder);
  await run('mkfs.vfat', ['-n', 'CIDATA', 'fat.img'], folder);
  await writeFile(
    path.join(folder, 'syslinux.cfg'),
    'DEFAULT l\nPROMPT 0\nTIMEOUT 1\nLABEL l\n KERNEL vmlinuz\n APPEND initrd=initrd.img console=ttyS0 quiet\n',
  );
  await run('mcopy', ['-i', 'fat.img', vmlinuz, '::/vmlinuz'], folder);
  await run('mcopy', ['-i', 'fat.img', 'initrd.img', '::/initrd.img'], folder);
  await run('mcopy', ['-i', 'fat.img', 'syslinux.cfg', '::/syslinux.cfg'], folder);
  await run('syslinux', ['--install', 'fat.img'], folder);
}

async function makeDisk(folder: string): Promise<void> {
  const sectors = FAT_MIB * 2048;
  await run('truncate', ['-s', `${FAT_MIB + 2}M`, 'disk.img'], folder);
  const table = `label: dos\nstart=2048,size=${sectors},type=c,bootable\n`;
  await writeFile(path.join(folder, 'table'), table);
  await run('sh', ['-c', 'sfdisk -q disk.img < table'], folder);
  const dd = ['of=disk.img', 'conv=notrunc', 'status=none'];
  await run('dd', ['if=/usr/lib/syslinux/mbr/mbr.bin', ...dd, 'bs=440', 'count=1'], folder);
  await run('dd', ['if=fat.img', ...dd, 'bs=1M', 'seek=1'], folder);
}
