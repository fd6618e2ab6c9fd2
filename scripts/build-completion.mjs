// Makes dist/completion/<shell> from the manifest: with plugin-autocomplete for bash, zsh and PowerShell, and a generator of our own
// for fish. All of them ask `syntropy __complete` for what only the daemon knows. At build time, so that printing a script costs a
// shell that starts nothing.
import { Config } from '@oclif/core';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { bashCompletion } from './completion/bash.mjs';
import { fishCompletion } from './completion/fish.mjs';
import { powershellCompletion } from './completion/powershell.mjs';
import { zshCompletion } from './completion/zsh.mjs';

/** The package exports none of its parts. */
const PLUGIN = 'node_modules/@oclif/plugin-autocomplete/lib';

/** Expects the folder `out` with its manifest. */
export async function buildCompletion(out) {
  const config = await Config.load(path.resolve(out));
  const [Create, Zsh, PowerShell] = await Promise.all(
    ['commands/autocomplete/create.js', 'autocomplete/zsh.js', 'autocomplete/powershell.js'].map(
      async (file) => (await import(pathToFileURL(path.resolve(PLUGIN, file)).href)).default,
    ),
  );
  const scripts = {
    bash: bashCompletion(new Create([], config).bashCompletionFunction),
    zsh: zshCompletion(new Zsh(config).generate()),
    fish: fishCompletion(config),
    powershell: powershellCompletion(new PowerShell(config).generate()),
  };
  await mkdir(path.join(out, 'completion'), { recursive: true });
  for (const [shell, script] of Object.entries(scripts)) {
    await writeFile(path.join(out, 'completion', shell), script);
  }
}
