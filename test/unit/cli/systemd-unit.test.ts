import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { systemdUnit } from '../../../src/cli/systemd-unit.js';

const here = process.cwd();
const others = (text: string) => text.split('\n').filter((line) => !line.startsWith('ExecStart='));
const execStart = (unit: string) => /^ExecStart=(.*)$/m.exec(unit)?.[1];

describe('the unit that is installed', () => {
  it('is the one that packages have, but for the two paths', async () => {
    const packaged = readFileSync('deploy/systemd/syntropy.service', 'utf8');
    const unit = await systemdUnit({ node: '/opt/node', installation: here });
    expect(others(unit)).toEqual(others(packaged));
    const installed = '/usr/lib/node_modules/syntropy';
    expect(execStart(unit)).toBe(
      execStart(packaged)?.replace('/usr/bin/node', '/opt/node').replace(installed, here),
    );
    expect(execStart(unit)).toMatch(/ --state-dir \/var\/lib\/syntropy --socket-group syntropy$/);
  });

  it('means the same path to systemd, whatever is in it', async () => {
    const unit = await systemdUnit({ node: '/o p/100%/$HOME/"n"', installation: here });
    expect(execStart(unit)).toMatch(/^"\/o p\/100%%\/\$\$HOME\/\\"n\\"" --max/);
  });
});
