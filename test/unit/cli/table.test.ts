import { describe, expect, it } from 'vitest';

import { fields, table } from '../../../src/cli/table.js';
import { clean } from '../../../src/cli/text.js';

interface Row {
  readonly name: string;
  readonly note: string;
}
const columns = [
  { title: 'NAME', value: (row: Row) => row.name },
  { title: 'NOTE', value: (row: Row) => row.note },
];

describe('a table in a pipe', () => {
  it('stands in columns, with a dash for nothing and no blanks at the end', async () => {
    const rows = [
      { name: 'a', note: '' },
      { name: 'longer', note: 'x y' },
    ];
    expect(await table(columns, rows, false)).toBe('NAME    NOTE\na       -\nlonger  x y');
  });

  it('keeps one row on one line, whatever a cell holds', async () => {
    const rows = [{ name: 'a\nb\tc', note: '\u001B[2Jx\u0007' }];
    expect(await table(columns, rows, false)).toBe('NAME   NOTE\na b c  [2Jx');
  });

  it('is its headings alone where there are no rows', async () => {
    expect(await table(columns, [], false)).toBe('NAME  NOTE');
  });
});

describe('a table on a terminal', () => {
  it('shows the same cells', async () => {
    const shown = await table(columns, [{ name: 'a', note: 'b' }], true);
    for (const text of ['NAME', 'NOTE', 'a', 'b']) expect(shown).toContain(text);
  });
});

describe('fields', () => {
  it('leave out what is not there', () => {
    const shown = fields([
      ['Name', 'a'],
      ['Reason', undefined],
      ['Serial', ''],
      ['Description', 'b'],
    ]);
    expect(shown).toBe('Name:        a\nDescription: b');
  });
});

describe('text from elsewhere', () => {
  it('loses what a terminal would obey, and nothing else', () => {
    expect(clean('a\u001B]0;t\u0007\u009B2J\r\nb\tü')).toBe('a]0;t2J\nb\tü');
  });
});
