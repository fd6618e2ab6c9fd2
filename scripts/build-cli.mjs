// Makes the command line in dist/, for a start in well under 150 ms: oclif's core bundled once as CommonJS, each command
// bundled alone and loaded when it is the one that runs, and a manifest, so that help loads none of them.
// dist/ is a package of its own ("type": "commonjs"), for oclif reads package.json and manifest of the folder it lives in.
import { build } from 'esbuild';
import { glob, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

import { buildCompletion } from './build-completion.mjs';

const COMMANDS = 'src/commands';
const REMOTE = 'src/client/node/connect.ts';

/** What oclif is told in dist/package.json. */
const oclif = {
  bin: 'syntropy',
  dirname: 'syntropy',
  commands: './commands',
  topicSeparator: ' ',
  hooks: { command_not_found: './cli/command-not-found.cjs' },
  topics: {
    agent: { description: 'The agent that makes this machine a node of a grid.' },
    audit: { description: 'Who did what, and what was refused.' },
    config: { description: 'Read and change the configuration of the daemon.' },
    container: {
      description: 'Containers on nodes of the grid.',
      subtopics: { secret: { description: 'Secrets that containers find as files.' } },
    },
    context: { description: 'Daemons elsewhere, and what is trusted to be them.' },
    daemon: { description: 'Run, watch, back up and install the core daemon.' },
    member: { description: 'Who may use the grid, with which roles.' },
    node: {
      description: 'Nodes of the grid, from the stick they start from to their end.',
      subtopics: { token: { description: 'Tokens that machines join the grid with.' } },
    },
    operation: { description: 'Long work of the daemon, such as the writing of a stick.' },
    role: { description: 'Roles, and what they allow.' },
    token: { description: 'Access tokens for pipelines.' },
    usb: { description: 'Drives of the daemon’s host that could be written.' },
  },
};

const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  logLevel: 'warning',
  legalComments: 'none',
};

/** Builds cli/, commands/, completion/, package.json and oclif.manifest.json in the folder `out`. Expects it to be empty of them. */
export async function buildCli(out) {
  const manifest = JSON.parse(await readFile('package.json', 'utf8'));
  await mkdir(path.join(out, 'cli'), { recursive: true });
  await writeFile(
    path.join(out, 'package.json'),
    `${JSON.stringify(packageOf(manifest), undefined, 2)}\n`,
  );
  await Promise.all([buildCore(out), buildEntries(out), buildCommands(out)]);
  await writeManifest(out);
  await buildCompletion(out);
}

function packageOf({ name, version, license }) {
  return { name, version, license, private: true, type: 'commonjs', oclif };
}

async function buildCore(out) {
  await build({
    ...common,
    entryPoints: ['@oclif/core'],
    outfile: path.join(out, 'cli', 'core.cjs'),
    // Loaded by core only for commands written in TypeScript; inside, they would make this file six times as large.
    external: ['typescript', 'ts-node', 'tsx'],
    // bin/syntropy.cjs has looked at the version of Node already; core would load semver to do it again.
    define: { 'process.env.OCLIF_DISABLE_ENGINE_WARNING': '"1"' },
    plugins: [lighterCore],
  });
}

function later(name, member) {
  return `exports.${member} = (...args) => require('${name}').${member}(...args);`;
}

/** What core loads at each start and a start with a manifest does not need. */
const lighterCore = {
  name: 'lighter-core',
  setup(builder) {
    const standIns = {
      debug: `module.exports = process.env.DEBUG ? require('debug') : () => {
        const silent = Object.assign(() => undefined, { enabled: false, extend: () => silent });
        return silent;
      };`,
      ejs: later('ejs', 'render'),
      lilconfig: later('lilconfig', 'lilconfig'),
      minimatch: later('minimatch', 'minimatch'),
      tinyglobby: later('tinyglobby', 'glob'),
      // On Windows, core would start a PowerShell to learn which shell it runs in.
      'wsl-utils': `exports.isWsl = false;
        exports.powerShellPath = async () => { throw new Error('not asked'); };`,
    };
    const filter = new RegExp(`^(${Object.keys(standIns).join('|')})$`);
    builder.onResolve({ filter }, ({ path: name, namespace }) =>
      namespace === 'stand-in' ? undefined : { path: name, namespace: 'stand-in' },
    );
    builder.onLoad({ filter: /.*/, namespace: 'stand-in' }, ({ path: name }) => ({
      contents: standIns[name],
      resolveDir: process.cwd(),
    }));
  },
};

/** What bin/syntropy.cjs calls: `main` for commands, `complete` for the shell's tab key; oclif's hook; and the way to a daemon elsewhere. */
async function buildEntries(out) {
  await build({
    ...common,
    entryPoints: ['src/cli/main.ts', 'src/cli/complete.ts', 'src/cli/command-not-found.ts'],
    outdir: path.join(out, 'cli'),
    outExtension: { '.js': '.cjs' },
    plugins: [coreAt('./core.cjs')],
  });
  await build({
    ...common,
    entryPoints: [REMOTE],
    outfile: path.join(out, 'cli', 'remote.cjs'),
    plugins: [coreAt('./core.cjs')],
  });
}

/** All commands of one depth at a time: from them, core lies at the same relative path. */
async function buildCommands(out) {
  const byDepth = new Map();
  for await (const file of glob(`${COMMANDS}/**/*.ts`)) {
    const depth = path.relative(COMMANDS, file).split(path.sep).length;
    byDepth.set(depth, [...(byDepth.get(depth) ?? []), file]);
  }
  await Promise.all(
    Array.from(byDepth, ([depth, entryPoints]) =>
      build({
        ...common,
        entryPoints,
        outbase: COMMANDS,
        outdir: path.join(out, 'commands'),
        plugins: [coreAt(`${'../'.repeat(depth)}cli/core.cjs`)],
      }),
    ),
  );
}

/** Keeps one oclif core for all; packages stay in node_modules, where a command that needs one loads it. */
function coreAt(relativePath) {
  return {
    name: 'core',
    setup(builder) {
      builder.onResolve({ filter: /^[^./]/ }, ({ path: imported, kind, namespace }) => {
        if (kind === 'entry-point') return undefined;
        if (imported === '@oclif/core') return { path: relativePath, external: true };
        if (imported === 'node:crypto' && namespace !== 'lazy') {
          return { path: imported, namespace: 'lazy' };
        }
        // A second core, or a plugin that would load one, costs every command that touches it 100 ms.
        if (imported.startsWith('@oclif/')) return undefined;
        return { path: imported, external: true };
      });
      // Of no use over the socket: a file of its own, read by the first command that goes elsewhere.
      builder.onResolve({ filter: /\/client\/node\/connect\.js$/ }, ({ kind }) =>
        kind === 'dynamic-import'
          ? { path: relativePath.replace(/core\.cjs$/, 'remote.cjs'), external: true }
          : undefined,
      );
      // Takes Node 5 ms to load, and most commands never use it. A function that is missing here fails the build.
      builder.onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({
        contents: ['createHash', 'randomBytes', 'randomUUID']
          .map(
            (name) =>
              `export const ${name} = (...args) => require('node:crypto').${name}(...args);`,
          )
          .join('\n'),
      }));
    },
  };
}

/** Asks oclif itself what the commands are, once, instead of at each start. */
async function writeManifest(out) {
  const require = createRequire(import.meta.url);
  const { Plugin } = require(path.resolve(out, 'cli', 'core.cjs'));
  const plugin = new Plugin({
    root: path.resolve(out),
    pjson: require(path.resolve(out, 'package.json')),
    isRoot: true,
    ignoreManifest: true,
    errorOnManifestCreate: true,
    respectNoCacheDefault: true,
  });
  await plugin.load();
  requireTopicTexts(plugin.commandIDs);
  await writeFile(path.join(out, 'oclif.manifest.json'), JSON.stringify(plugin.manifest));
}

/** A topic without a text would be shown with that of its first command. One that is a command as well has a text by that. */
export function requireTopicTexts(commandIds, topics = oclif.topics) {
  const described = (names) =>
    names.reduce((at, name) => at?.subtopics?.[name], { subtopics: topics })?.description;
  const without = commandIds
    .map((id) => id.split(':').slice(0, -1))
    .flatMap((names) => names.map((_, index) => names.slice(0, index + 1)))
    .filter((names) => !commandIds.includes(names.join(':')) && !described(names))
    .map((names) => names.join(' '));
  if (without.length === 0) return;
  throw new Error(`Topics without a text in build-cli.mjs: ${[...new Set(without)].join(', ')}.`);
}
