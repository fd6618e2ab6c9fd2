import { cleanLine } from './text.js';

/** One column: its heading and what it shows of a row. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
}

const ABSENT = '-';

/**
 * Rows under their headings: for people with cli-table3, which is loaded only on a terminal; for pipes in plain columns that
 * `awk` and `cut` can take apart.
 */
export async function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  terminal = process.stdout.isTTY,
): Promise<string> {
  const head = columns.map(({ title }) => title);
  const body = rows.map((row) => columns.map(({ value }) => cleanLine(value(row)) || ABSENT));
  return terminal ? framed(head, body) : plain([head, ...body]);
}

function plain(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, index) =>
    lines.reduce((widest, line) => Math.max(widest, (line[index] ?? '').length), 0),
  );
  return lines
    .map((line) => line.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

async function framed(
  head: readonly string[],
  body: readonly (readonly string[])[],
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const chars = Object.fromEntries(
    'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid middle'
      .split(' ')
      .map((name) => [name, name === 'middle' ? '  ' : '']),
  );
  const shown = new Table({
    head: [...head],
    chars,
    style: { 'padding-left': 0, 'padding-right': 0, head: colours() ? ['bold'] : [], border: [] },
  });
  shown.push(...body.map((line) => [...line]));
  return shown.toString();
}

function colours(): boolean {
  return !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

/** `name: value` lines with the values under each other; what is absent is left out, and what has no name goes on with the one before. */
export function fields(entries: readonly (readonly [string, string | undefined])[]): string {
  const present = entries.filter(([, value]) => value !== undefined && value !== '');
  const width = present.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  return present
    .map(
      ([name, value]) =>
        `${(name === '' ? '' : `${name}:`).padEnd(width + 2)}${cleanLine(value ?? '')}`,
    )
    .join('\n');
}
