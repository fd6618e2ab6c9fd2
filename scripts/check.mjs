// Everything that needs no database and no device: format, lint, types, import rules, dead code, generated files, unit tests.
import { readFile } from 'node:fs/promises';

import { checkArrows } from './check-arrows.mjs';
import { generatedFiles } from './generate-docs.mjs';
import { runSteps } from './run-steps.mjs';

const tool = (name, ...args) => ({ name, command: `node_modules/.bin/${name}`, args });

const steps = [
  { ...tool('vitest', 'run', '--project', 'unit'), name: 'unit tests' },
  { ...tool('oxlint', '--type-aware', '--deny-warnings'), name: 'lint' },
  { ...tool('tsc', '--project', '.'), name: 'types' },
  { ...tool('knip', '--no-progress'), name: 'dead code' },
  { ...tool('oxfmt', '--check'), name: 'format' },
  { name: 'import rules', run: checkArrows },
  { name: 'generated files', run: requireFresh },
];

async function requireFresh() {
  const stale = [];
  for (const [file, text] of await generatedFiles()) {
    if ((await readFile(file, 'utf8').catch(() => '')) !== text) stale.push(file);
  }
  if (stale.length > 0) {
    throw new Error(`Not as generated: ${stale.join(', ')}. Run: npm run docs:generate`);
  }
}

// The whole test command runs them by itself, to count them.
const withoutUnit = process.argv.includes('--without-unit');
const wanted = steps.filter(({ name }) => !(withoutUnit && name === 'unit tests'));
process.exitCode = (await runSteps(wanted)) ? 0 : 1;
