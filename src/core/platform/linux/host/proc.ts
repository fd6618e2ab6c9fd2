/** Since the start of the machine, in ticks. */
export interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/** Since a card came up. */
export interface NetworkBytes {
  readonly rx: number;
  readonly tx: number;
}

/** `/proc/stat`: its first line is the sum of all cores (proc_stat(5)). Time that waits for a disk is idle; that of guests is in `user`. */
export function parseCpuTimes(text: string): CpuTimes | undefined {
  const [first = ''] = text.split('\n', 1);
  const [label, ...ticks] = first.trim().split(/\s+/);
  const [user, nice, system, idle, waiting = 0, irq = 0, softirq = 0, steal = 0] =
    ticks.map(Number);
  if (label !== 'cpu' || user === undefined || nice === undefined) return undefined;
  if (system === undefined || idle === undefined) return undefined;
  const busy = user + nice + system + irq + softirq + steal;
  const total = busy + idle + waiting;
  return Number.isFinite(total) ? { busy, total } : undefined;
}

/** How much of the time between two readings the cores worked. Undefined while no time has passed, or after a counter went back. */
export function cpuPercent(before: CpuTimes, after: CpuTimes): number | undefined {
  const total = after.total - before.total;
  const busy = after.busy - before.busy;
  if (total <= 0 || busy < 0) return undefined;
  return Math.min(100, (busy / total) * 100);
}

/** `/proc/loadavg`. */
export function parseLoad(text: string): readonly [number, number, number] | undefined {
  const [one, five, fifteen] = text.split(' ').map(Number);
  if (one === undefined || five === undefined || fifteen === undefined) return undefined;
  return [one, five, fifteen].every(Number.isFinite) ? [one, five, fifteen] : undefined;
}

/** `/proc/meminfo`, in bytes. What the kernel could give up at once (`MemAvailable`) is not used. */
export function parseMemory(text: string) {
  const lines = new Map(
    [...text.matchAll(/^(\w+):\s+(\d+) kB$/gm)].map(([, name = '', kib]) => [
      name,
      Number(kib) * 1024,
    ]),
  );
  const usage = (totalName: string, freeName: string) => {
    const [total, free] = [lines.get(totalName), lines.get(freeName)];
    if (total === undefined || free === undefined) return undefined;
    return { used: Math.max(0, total - free), total };
  };
  return {
    memory: usage('MemTotal', 'MemAvailable'),
    swap: usage('SwapTotal', 'SwapFree'),
  };
}

/** `/proc/uptime`, in seconds. */
export function parseUptime(text: string): number | undefined {
  const seconds = Number.parseFloat(text);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

/** `/proc/net/dev`: what each card has received and sent. */
export function parseNetworks(text: string): ReadonlyMap<string, NetworkBytes> {
  const cards = new Map<string, NetworkBytes>();
  for (const [, name = '', counts = ''] of text.matchAll(/^\s*([^\s:]+):\s*(.+)$/gm)) {
    const columns = counts.trim().split(/\s+/).map(Number);
    const [rx, tx] = [columns[0], columns[8]];
    if (rx === undefined || tx === undefined) continue;
    if (Number.isFinite(rx) && Number.isFinite(tx)) cards.set(name, { rx, tx });
  }
  return cards;
}

/** Bytes a second between two readings, of the cards that are in both. A counter that went back belongs to a card that came up anew. */
export function networkRates(
  before: ReadonlyMap<string, NetworkBytes>,
  after: ReadonlyMap<string, NetworkBytes>,
  seconds: number,
): NetworkBytes | undefined {
  if (seconds <= 0) return undefined;
  let [rx, tx] = [0, 0];
  for (const [name, now] of after) {
    const then = before.get(name);
    if (!then) continue;
    rx += Math.max(0, now.rx - then.rx);
    tx += Math.max(0, now.tx - then.tx);
  }
  return { rx: rx / seconds, tx: tx / seconds };
}

/** Thousandths of a degree. A sensor that is not wired up shows what no machine survives. */
export function parseTemperature(text: string): number | undefined {
  const celsius = Number.parseInt(text, 10) / 1_000;
  return celsius > -40 && celsius < 150 ? celsius : undefined;
}
