import { expect, it } from 'vitest';

import { globalsLast } from '../../../src/cli/globals-last.js';

// Goal: global flags work before the command as after it.
it.each([
  ['node list', 'node list'],
  ['--json node list', 'node list --json'],
  ['--state-dir /x node list', 'node list --state-dir /x'],
  ['--state-dir=/x --json node list --watch', 'node list --watch --state-dir=/x --json'],
  ['--json node list -- --json', 'node list --json -- --json'],
  ['--context prod --as=ana node list', 'node list --context prod --as=ana'],
  ['--as ana --context=prod node list', 'node list --as ana --context=prod'],
  ['--version', '--version'],
  ['--state-dir', '--state-dir'],
  ['', ''],
])('reads "%s" as "%s"', (typed, read) => {
  expect(globalsLast(typed.split(' ').filter(Boolean)).join(' ')).toBe(read);
});
