// How quickly the writer process writes and verifies a stick, as a multiple of the usual programs on the same device in the
// same run. Absolute times say little on a busy machine, so all variants run interleaved, in a new random order each round,
// and a row is the median over the rounds of the ratio within a round. The device is a loop device over memory, so that the
// program and not the stick is what is measured. Needs root, loop devices, gzip, xz and zstd. `--json` prints the document
// alone; the status is 1 when a row falls short.
import { spawn } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { median, rounded, shuffled } from './bench-statistics.mjs';
import { wholeCommandMs } from './bench-usb-command.mjs';
import { loadSource } from './load-source.mjs';

const { writerLaunch } = await loadSource('src/core/platform/common/stick/writer-launch.ts');
const WRITER = path.resolve('dist/writer.mjs');
const MIB = 1 << 20;
const IMAGE_BYTES = 1024 * MIB;
const STEP_TIMEOUT_MS = 180_000;
const MAX_RSS_MIB = 160;
/** Raw and verified, with command, daemon and database. Measured once, so with room for a busy moment. */
const WHOLE_COMMAND_TARGET = 5;
const DD = 'dd of="$DEVICE" bs=4M oflag=direct conv=fsync iflag=fullblock status=none';

/** Ratios to the baseline, from the project's goals. */
const VARIANTS = [
  { name: 'raw', file: 'image', verify: false, baseline: 'dd', target: 1.4 },
  { name: 'raw, verified', file: 'image', verify: true, baseline: 'dd', target: 2.2 },
  { name: 'gz, verified', file: 'image.gz', verify: true, baseline: 'gzip -dc | dd', target: 0.4 },
  { name: 'xz, verified', file: 'image.xz', verify: true, baseline: 'xz -dcT0 | dd', target: 1.25 },
  {
    name: 'zst, verified',
    file: 'image.zst',
    verify: true,
    baseline: 'zstd -dc | dd',
    target: 1.7,
  },
];
const BASELINES = [
  { name: 'dd', script: `${DD} if="$FOLDER/image"` },
  { name: 'gzip -dc | dd', script: `gzip -dc "$FOLDER/image.gz" | ${DD}` },
  { name: 'xz -dcT0 | dd', script: `xz -dcT0 "$FOLDER/image.xz" | ${DD}` },
  { name: 'zstd -dc | dd', script: `zstd -dcq "$FOLDER/image.zst" | ${DD}` },
];

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
  },
});

const folder = await mkdtemp('/dev/shm/syntropy-bench-');
let device;
try {
  await makeImages();
  device = (await shell('losetup --find --show "$FOLDER/disk"')).trim();
  const rows = await measure(Number(options.rounds));
  print({ load: os.loadavg(), rows });
  if (rows.some((row) => !row.pass)) process.exitCode = 1;
} finally {
  if (device) await shell(`losetup -d ${device}`).catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
}

/** Runs of noise and of zeros, as disk images have them: two fifths are noise. The packed ones are made of many blocks. */
async function makeImages() {
  const file = await open(path.join(folder, 'image'), 'w');
  const key = Buffer.alloc(16, 1);
  const noise = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  const lengths = createCipheriv('aes-128-ctr', key, Buffer.alloc(16, 1));
  for (let at = 0; at < IMAGE_BYTES;) {
    const noiseBytes = lengths.update(Buffer.alloc(4)).readUInt32LE() % (4 * MIB);
    const zeroBytes = lengths.update(Buffer.alloc(4)).readUInt32LE() % (6 * MIB);
    await file.write(
      noise.update(Buffer.alloc(Math.min(noiseBytes, IMAGE_BYTES - at))),
      0,
      undefined,
      at,
    );
    at += noiseBytes + zeroBytes;
  }
  await file.truncate(IMAGE_BYTES);
  await file.close();
  // Written, not a hole: the first round would otherwise pay for the memory.
  await shell('cp --sparse=never "$FOLDER/image" "$FOLDER/disk"');
  await shell(
    'cp --sparse=never "$FOLDER/disk" "$FOLDER/whole" && mv "$FOLDER/whole" "$FOLDER/image"',
  );
  await shell('gzip -1c "$FOLDER/image" > "$FOLDER/image.gz"');
  await shell('xz -0T0 --block-size=16MiB -c "$FOLDER/image" > "$FOLDER/image.xz"');
  await shell('zstd -q -T0 "$FOLDER/image" -o "$FOLDER/image.zst"');
}

async function measure(rounds) {
  const wanted = VARIANTS.filter(({ name }) => name.includes(options.only));
  const baselines = BASELINES.filter(({ name }) => wanted.some((each) => each.baseline === name));
  const times = new Map([...wanted, ...baselines].map(({ name }) => [name, []]));
  const memory = new Map(wanted.map(({ name }) => [name, 0]));
  // One round to warm up.
  for (let round = -1; round < rounds; round += 1) {
    for (const each of shuffled([...wanted, ...baselines])) {
      const began = performance.now();
      if (each.script) await shell(each.script);
      else memory.set(each.name, Math.max(memory.get(each.name), await write(each)));
      if (round >= 0) times.get(each.name).push(performance.now() - began);
    }
  }
  const rows = wanted.map(({ name, baseline, target }) => {
    const base = times.get(baseline);
    const value = median(times.get(name).map((ms, round) => ms / base[round]));
    return {
      name,
      value: rounded(value),
      unit: `x ${baseline}`,
      baseline: rounded(median(base)),
      target,
      pass: value <= target,
    };
  });
  if (times.has('dd')) {
    const ms = await wholeCommandMs({ device, image: path.join(folder, 'image') });
    const base = median(times.get('dd'));
    rows.push({
      name: 'the whole command, once',
      value: rounded(ms / base),
      unit: 'x dd',
      baseline: rounded(base),
      target: WHOLE_COMMAND_TARGET,
      pass: ms / base <= WHOLE_COMMAND_TARGET,
    });
  }
  const peak = Math.max(...memory.values()) / MIB;
  rows.push({
    name: 'peak memory of the writer',
    value: rounded(peak),
    unit: 'MiB',
    baseline: rounded(Math.min(...memory.values()) / MIB),
    target: MAX_RSS_MIB,
    pass: peak <= MAX_RSS_MIB,
  });
  return rows;
}

/** Runs the writer as the daemon does, and gives its peak memory in bytes. A write that fails quickly is no fast one. */
async function write({ file, verify }) {
  const child = spawn(process.execPath, [...writerLaunch.args, WRITER], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: writerLaunch.env,
    timeout: STEP_TIMEOUT_MS,
  });
  const job = {
    source: { kind: 'file', path: path.join(folder, file) },
    target: { kind: 'device', identity: { path: device, sizeBytes: IMAGE_BYTES } },
    identityFiles: [],
    verify,
    unmount: false,
    eject: false,
  };
  child.stdin.write(`${JSON.stringify(job)}\n`);
  let end;
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line);
    if (message.type === 'done' || message.type === 'failed') end = message;
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  if (end?.type !== 'done') throw new Error(`The writer failed: ${JSON.stringify(end)}`);
  return end.maxRssBytes;
}

async function shell(script) {
  const child = spawn('sh', ['-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, LC_ALL: 'C', FOLDER: folder, DEVICE: device ?? '' },
    timeout: STEP_TIMEOUT_MS,
  });
  let text = '';
  child.stdout.on('data', (piece) => (text += piece));
  const [status, signal] = await once(child, 'close');
  if (status !== 0) throw new Error(`${script} ended with ${signal ?? `status ${status}`}.`);
  return text;
}

function print(document) {
  if (options.json) {
    console.log(JSON.stringify(document, undefined, 2));
    return;
  }
  console.log(`load ${document.load.map(rounded).join(' ')}`);
  for (const { name, value, unit, baseline, target, pass } of document.rows) {
    const against = unit === 'MiB' ? `least: ${baseline} MiB` : `${unit.slice(2)}: ${baseline} ms`;
    console.log(
      `${pass ? 'ok   ' : 'SHORT'} ${name.padEnd(28)} ${String(value).padStart(6)} ${unit.padEnd(16)}` +
        ` (at most ${target}; ${against})`,
    );
  }
}
