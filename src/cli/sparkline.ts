const BLOCKS = '▁▂▃▄▅▆▇█';
/** Eight heights in ASCII, by how much ink they have. */
const ASCII = '_.-:=+*#';
const GAP = ' ';

export interface SparklineOptions {
  /** Columns at most; of several values that share one, the mean is shown. */
  readonly width: number;
  /** What the highest mark stands for; the greatest value unless said. */
  readonly most?: number | undefined;
  readonly unicode: boolean;
}

/** Values over time as one line of marks. What is not known is a gap. */
export function sparkline(
  values: readonly (number | undefined)[],
  { width, most, unicode }: SparklineOptions,
): string {
  const marks = unicode ? BLOCKS : ASCII;
  const columns = gathered(values, width);
  const top = most ?? Math.max(0, ...columns.filter((value) => value !== undefined));
  return columns
    .map((value) => {
      if (value === undefined) return GAP;
      const height = top > 0 ? Math.floor((value / top) * marks.length) : 0;
      return marks[Math.min(marks.length - 1, Math.max(0, height))] ?? GAP;
    })
    .join('');
}

/** As many columns as fit, each the mean of what falls into it. */
function gathered(
  values: readonly (number | undefined)[],
  width: number,
): readonly (number | undefined)[] {
  if (values.length <= width) return values;
  return Array.from({ length: width }, (_, column) => {
    const from = Math.floor((column * values.length) / width);
    const to = Math.floor(((column + 1) * values.length) / width);
    const known = values.slice(from, to).filter((value) => value !== undefined);
    return known.length > 0 ? mean(known) : undefined;
  });
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Whether a terminal shows more than ASCII, by what POSIX calls its character type. */
export function isUtf8(env: Readonly<Record<string, string | undefined>>): boolean {
  return /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '');
}
