// The whole test command: build, check, then integration and end-to-end tests, with those that boot machines beside them. Ends with a line of counts.
import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const MESSAGE_LIMIT = 2000;
const scratch = await mkdtemp(path.join(os.tmpdir(), 'syntropy-npm-test-'));
const counts = { passed: 0, failed: 0, skipped: 0 };
/** What failed, to be said once more at the end: of a long log, often the end alone is kept. */
const failures = [];

function run(command, args, output = 'inherit') {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', output, output] });
    child.on('error', () => resolve(1));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** One that runs beside another says what it has to say at its end. */
async function vitestBeside(project) {
  const printed = path.join(scratch, `${project}.log`);
  const file = await open(printed, 'w');
  const code = await vitest(project, file.fd);
  await file.close();
  return async () => {
    process.stdout.write(await readFile(printed));
    return code;
  };
}

/** Counts from vitest's own report: what it printed may have any form. */
async function vitest(project, output) {
  const report = path.join(scratch, `${project}.json`);
  const words = ['run', '--project', project, '--reporter=default', '--reporter=json'];
  const code = await run(
    'node_modules/.bin/vitest',
    [...words, `--outputFile.json=${report}`],
    output,
  );
  const result = JSON.parse(await readFile(report, 'utf8').catch(() => '{}'));
  counts.passed += result.numPassedTests ?? 0;
  counts.failed += result.numFailedTests ?? 0;
  counts.skipped += (result.numPendingTests ?? 0) + (result.numTodoTests ?? 0);
  const found = (result.testResults ?? []).flatMap(failuresOf);
  if (code !== 0 && found.length === 0)
    found.push(`the ${project} tests: see what they printed above.`);
  failures.push(...found);
  return code;
}

function failuresOf({ name, message, assertionResults }) {
  const file = path.relative(process.cwd(), name);
  const failed = assertionResults.filter(({ status }) => status === 'failed');
  // A file that could not be loaded, or whose set-up failed, has no test that did.
  if (failed.length === 0) return message ? [`${file}\n${message.slice(0, MESSAGE_LIMIT)}`] : [];
  return failed.map(({ fullName, failureMessages }) => {
    const said = failureMessages.join('\n').slice(0, MESSAGE_LIMIT);
    return `${file}: ${fullName}\n${said}`;
  });
}

try {
  let status = await run(process.execPath, ['scripts/build.mjs']);
  if (status === 0) {
    // All of them, so that one run tells everything that is wrong.
    status = await run(process.execPath, ['scripts/check.mjs', '--without-unit']);
    if (status !== 0) failures.push('npm run check: see what it printed above.');
    for (const project of ['unit', 'integration']) status = (await vitest(project)) || status;
    const booted = vitestBeside('boot');
    status = (await vitest('e2e')) || status;
    status = (await (await booted)()) || status;
  }
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  for (const failure of failures) console.log(`\nFAILED ${failure}`);
  console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  process.exitCode = status;
} finally {
  await rm(scratch, { recursive: true, force: true });
}
