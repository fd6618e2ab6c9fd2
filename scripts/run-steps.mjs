import { spawn } from 'node:child_process';

/** Output that is kept of a step that fails. */
const KEEP_CHARACTERS = 200_000;

/**
 * Runs commands, so many at a time, and prints one line for each and all that the failed ones said. Answers whether all passed.
 * A step is `{ name, command, args }`, or `{ name, run }` with a function that throws.
 */
export async function runSteps(steps, { parallel = 2, env = process.env } = {}) {
  const waiting = [...steps];
  const failed = [];
  const lane = async () => {
    for (let step = waiting.shift(); step; step = waiting.shift()) {
      const startedAt = performance.now();
      const { ok, output } = await runStep(step, env);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      console.log(`${ok ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)`);
      if (!ok) failed.push({ name: step.name, output });
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  for (const { name, output } of failed) console.error(`\n--- ${name}\n${output}`);
  return failed.length === 0;
}

async function runStep(step, env) {
  if (step.run) {
    try {
      await step.run();
      return { ok: true, output: '' };
    } catch (error) {
      return { ok: false, output: error instanceof Error ? error.message : String(error) };
    }
  }
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(step.command, step.args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (text) => {
      if (output.length < KEEP_CHARACTERS) output += text;
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}
