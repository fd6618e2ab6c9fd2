import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

// Goal: `--help` never shows the summary of some command in the place of what a topic is about.
it('no topic is built without a text', () => {
  const script = `
    import { requireTopicTexts } from './scripts/build-cli.mjs';
    const topics = { node: { description: 'Nodes.' } };
    for (const ids of [['node:list'], ['help', 'help:exit-codes'], ['node:token:list'], ['disk:a', 'disk:b:c']]) {
      try {
        requireTopicTexts(ids, topics);
        console.log('built');
      } catch (error) {
        console.log(error.message);
      }
    }`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });

  expect(stdout.trim().split('\n')).toEqual([
    'built',
    'built',
    'Topics without a text in build-cli.mjs: node token.',
    'Topics without a text in build-cli.mjs: disk, disk b.',
  ]);
});
