import { describe, expect, it } from 'vitest';

import { quoted } from '../../../src/core/utils/quoted.js';

// Goal: a message shows what was typed, and what was typed does nothing to the terminal that shows it.
describe('a text in quotes', () => {
  it.each([
    ['node-01', '"node-01"'],
    ['say "hi"\n', String.raw`"say \"hi\"\n"`],
    ['\u007f\u009b2J', String.raw`"\u007f\u009b2J"`],
    ['abc\u202Efdp', String.raw`"abc\u202efdp"`],
    ['\u{E0001}', String.raw`"\udb40\udc01"`],
    ['\uD800', String.raw`"\ud800"`],
    ['Zürich 🐝', '"Zürich 🐝"'],
  ])('of %j is %s', (text, shown) => {
    expect(quoted(text)).toBe(shown);
  });
});
