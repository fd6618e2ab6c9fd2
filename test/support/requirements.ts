import { accessSync, constants, existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

/** Things of the host that a test may need. Each answers with the reason why it is missing, or undefined. */
const probes = {
  root: () => (process.getuid?.() === 0 ? undefined : 'needs root'),
  loop: () => {
    if (!existsSync('/dev/loop-control')) return 'needs loop devices (/dev/loop-control)';
    try {
      accessSync('/dev/loop-control', constants.R_OK | constants.W_OK);
    } catch {
      return 'may not use /dev/loop-control';
    }
    return hasProgram('losetup') ? undefined : 'needs losetup';
  },
  qemu: () => (hasProgram('qemu-system-x86_64') ? undefined : 'needs qemu-system-x86_64'),
  mtools: () =>
    hasProgram('mcopy') && hasProgram('mkfs.vfat') ? undefined : 'needs mtools and dosfstools',
  syslinux: () =>
    existsSync('/usr/lib/syslinux/mbr/mbr.bin') &&
    ['syslinux', 'cpio', 'busybox', 'sfdisk', 'apt-get'].every(hasProgram)
      ? undefined
      : 'needs syslinux, cpio, busybox-static, fdisk and apt-get',
  packers: () =>
    ['gzip', 'xz', 'zstd', 'bzip2'].every(hasProgram) ? undefined : 'needs gzip, xz, zstd, bzip2',
  postgres: () =>
    existsSync('/usr/lib/postgresql') ? undefined : 'needs PostgreSQL server binaries',
  redis: () => (hasProgram('redis-server') ? undefined : 'needs redis-server'),
  systemd: () => (hasProgram('systemd-analyze') ? undefined : 'needs systemd-analyze'),
  shells: () =>
    hasProgram('zsh') && hasProgram('fish') ? undefined : 'needs zsh and fish for completion',
  keyring: () =>
    hasProgram('gnome-keyring-daemon') && hasProgram('dbus-run-session')
      ? undefined
      : 'needs gnome-keyring and dbus-daemon',
  netns: () => {
    if (process.getuid?.() !== 0) return 'needs root for network namespaces';
    const name = `syntropy-probe-${process.pid}`;
    const isMade = spawnSync('ip', ['netns', 'add', name], { stdio: 'ignore' }).status === 0;
    if (isMade) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    return isMade ? undefined : 'needs network namespaces (iproute2, and the right to make them)';
  },
  influx: () => (hasProgram('influxd') ? undefined : 'needs influxdb'),
  prometheus: () => (hasProgram('prometheus') ? undefined : 'needs prometheus'),
} as const;

export type Requirement = keyof typeof probes;

function hasProgram(name: string): boolean {
  return spawnSync('which', [name], { stdio: 'ignore' }).status === 0;
}

/**
 * Says whether a suite must be skipped, and prints why. A requirement that is listed in
 * SYNTROPY_REQUIRE (comma separated) throws instead: there, a skip would hide a missing proof.
 *
 * @example describe.skipIf(missing('root', 'loop'))('the writer', () => …)
 */
export function missing(...requirements: Requirement[]): boolean {
  const required = new Set((process.env['SYNTROPY_REQUIRE'] ?? '').split(',').filter(Boolean));
  const reasons = requirements.flatMap((name) => {
    const reason = probes[name]();
    if (reason === undefined) return [];
    if (required.has(name)) throw new Error(`SYNTROPY_REQUIRE lists ${name}, but: ${reason}`);
    return [reason];
  });
  if (reasons.length > 0) process.stderr.write(`skipped: ${reasons.join('; ')}\n`);
  return reasons.length > 0;
}
