// The whole test command: build, check, then integration and end-to-end tests. Ends with a line of counts.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const scratch = await mkdtemp(path.join(os.tmpdir(), 'syntropy-npm-test-'));
const counts = { passed: 0, failed: 0, skipped: 0 };

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', () => resolve(1));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** Counts from vitest's own report: what it printed may have any form. */
async function vitest(project) {
  const report = path.join(scratch, `${project}.json`);
  const code = await run('node_modules/.bin/vitest', [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  const result = JSON.parse(await readFile(report, 'utf8').catch(() => '{}'));
  counts.passed += result.numPassedTests ?? 0;
  counts.failed += result.numFailedTests ?? 0;
  counts.skipped += (result.numPendingTests ?? 0) + (result.numTodoTests ?? 0);
  return code;
}

try {
  let status = await run(process.execPath, ['scripts/build.mjs']);
  if (status === 0) {
    // All of them, so that one run tells everything that is wrong.
    status = await run(process.execPath, ['scripts/check.mjs', '--without-unit']);
    for (const project of ['unit', 'integration', 'e2e'])
      status = (await vitest(project)) || status;
  }
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  process.exitCode = status;
} finally {
  await rm(scratch, { recursive: true, force: true });
}
