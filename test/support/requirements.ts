import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

/** Things of the host that a test may need. Each answers with the reason why it is missing, or undefined. */
const probes = {
  root: () => (process.getuid?.() === 0 ? undefined : 'needs root'),
  mounts: () =>
    spawnSync('unshare', ['--mount', 'true'], { stdio: 'ignore' }).status === 0
      ? undefined
      : 'needs mount namespaces (unshare --mount)',
  debian: () =>
    ['mmdebstrap', 'mke2fs', 'mcopy', 'syslinux', 'sfdisk'].every(hasProgram)
      ? undefined
      : 'needs mmdebstrap, e2fsprogs, mtools, syslinux and fdisk',
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
    if (!hasProgram('ip')) return 'needs ip (iproute2)';
    const name = `syntropy-probe-${process.pid}`;
    const isMade = spawnSync('ip', ['netns', 'add', name], { stdio: 'ignore' }).status === 0;
    if (isMade) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    return isMade ? undefined : 'may not make network namespaces';
  },
  wireguard: () => {
    if (!['wireguard-go', 'nft', 'ip', 'ping', 'sysctl'].every(hasProgram)) {
      return 'needs wireguard-go, nftables, iproute2, iputils-ping and procps';
    }
    try {
      closeSync(openSync('/dev/net/tun', 'r+'));
      return undefined;
    } catch {
      return 'may not open /dev/net/tun';
    }
  },
  influx: () => (hasProgram('influxd') ? undefined : 'needs influxdb'),
  docker: () =>
    ['dockerd', 'iptables', 'nsenter', 'curl', 'busybox'].every(hasProgram)
      ? undefined
      : 'needs docker.io, iptables, busybox-static and curl',
  podman: () =>
    ['podman', 'conmon', 'runc', 'iptables', 'nsenter', 'curl', 'busybox'].every(hasProgram) &&
    existsSync('/usr/lib/podman/netavark')
      ? undefined
      : 'needs podman, conmon, runc, netavark, iptables, busybox-static and curl',
  registry: () => (hasProgram('docker-registry') ? undefined : 'needs docker-registry'),
  cgroups: () => {
    if (process.getuid?.() !== 0) return 'needs root for cgroups';
    return existsSync('/sys/fs/cgroup/cpuacct') || existsSync('/sys/fs/cgroup/cgroup.controllers')
      ? undefined
      : 'needs cgroups';
  },
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
