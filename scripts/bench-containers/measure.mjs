import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { rounded, shuffled } from '../bench-statistics.mjs';

const run = promisify(execFile);

/** What all of them are made of. */
export const IMAGE = 'local/bench:1';
/** What runs in them: nothing to do, and gone at once when it is told to. */
export const IDLE = ['/bin/sleep', '1000000'];

/** Runs Docker's own command on that engine, and answers what it says. */
export function dockerCommand({ socketPath }) {
  const docker = async (...words) => {
    const { stdout } = await run('/usr/bin/docker', docker.words(...words));
    return stdout.trim();
  };
  docker.words = (...words) => ['-H', `unix://${socketPath}`, ...words];
  return docker;
}

/**
 * Milliseconds of each of them, round by round in a new order. What each answers is cleared away before the next one begins, and is not timed.
 * @param tasks - name: { take, clear }
 */
export async function timedRounds(rounds, tasks) {
  const times = Object.fromEntries(Object.keys(tasks).map((name) => [name, []]));
  // The first of each warms up what it goes through.
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, { take, clear }] of shuffled(Object.entries(tasks))) {
      const from = performance.now();
      const answer = await take();
      if (round >= 0) times[name].push(performance.now() - from);
      await clear?.(answer);
    }
  }
  return times;
}

/** Runs a program to its end, and counts what it writes to its stdout. */
export async function counted(program, words, env = process.env) {
  const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let bytes = 0;
  let lines = 0;
  let said = '';
  child.stdout.on('data', (chunk) => {
    bytes += chunk.length;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const [status] = await once(child, 'close');
  if (status !== 0) throw new Error(`${program} ${words.join(' ')}: ${said}`);
  return { bytes, lines };
}

/** Microseconds of processor time of a cgroup, as the kernel counts them; read past the code under test. */
export function kernelCpuMicros(cgroup) {
  const [tree, isUnified] = cpuTree('cpuacct');
  if (isUnified) {
    const text = readFileSync(path.join(tree, cgroup, 'cpu.stat'), 'utf8');
    return Number(/^usage_usec (\d+)$/m.exec(text)[1]);
  }
  return Number(readFileSync(path.join(tree, cgroup, 'cpuacct.usage'), 'utf8')) / 1_000;
}

/** Cores that a cgroup may use, as the kernel was told. */
export function kernelCpuCap(cgroup) {
  const [tree, isUnified] = cpuTree('cpu');
  const read = (file) => readFileSync(path.join(tree, cgroup, file), 'utf8');
  const [quota, period] = isUnified
    ? read('cpu.max').split(' ').map(Number)
    : [Number(read('cpu.cfs_quota_us')), Number(read('cpu.cfs_period_us'))];
  return quota > 0 ? quota / period : Infinity;
}

/** Where a controller of cgroup v1 is, which may share its place with others or not; else the tree of version 2. */
function cpuTree(controller) {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => ({ at: line.split(' ')[4], rest: line.split(' - ')[1] ?? '' }));
  const own = mounts.find(({ rest }) => {
    const [type, , options = ''] = rest.split(' ');
    return type === 'cgroup' && options.split(',').includes(controller);
  });
  return own ? [own.at, false] : [mounts.find(({ rest }) => rest.startsWith('cgroup2 ')).at, true];
}

export function rssOf(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

export function row(name, value, unit, baseline, target) {
  return {
    name,
    value: rounded(value),
    unit,
    baseline: rounded(baseline),
    target,
    pass: value <= target,
  };
}
