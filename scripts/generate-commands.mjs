import { readFile } from 'node:fs/promises';

/** The command reference, from the manifest that the build makes. */
export async function commandReference() {
  const { commands } = JSON.parse(await readFile('dist/oclif.manifest.json', 'utf8'));
  const sections = Object.values(commands)
    .filter(({ hidden }) => !hidden)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(describe);
  return [
    '# Commands\n',
    'Global flags are listed once, at the end.\n',
    ...sections,
    globals(commands),
  ].join('\n');
}

function describe(command) {
  const name = command.id.replaceAll(':', ' ');
  const args = Object.values(command.args ?? {}).map(({ name: arg, required }) =>
    required ? `<${arg}>` : `[${arg}]`,
  );
  const flags = Object.values(command.flags ?? {}).filter(
    ({ helpGroup }) => helpGroup !== 'GLOBAL',
  );
  return [
    `## \`syntropy ${[name, ...args].join(' ')}\`\n`,
    `${command.summary}\n`,
    ...(command.description ? [`${command.description}\n`] : []),
    ...flags.map(flagLine),
    ...(flags.length > 0 ? [''] : []),
    ...examples(command, name),
  ].join('\n');
}

function flagLine({
  name,
  type,
  helpValue,
  options,
  summary,
  description,
  default: value,
  allowNo,
}) {
  const shown = options ? options.join('|') : (helpValue ?? `<${name}>`);
  const form = type === 'boolean' ? `--${allowNo ? '[no-]' : ''}${name}` : `--${name} ${shown}`;
  const standard = type !== 'boolean' && value !== undefined ? ` Default: \`${value}\`.` : '';
  return `- \`${form}\`: ${summary ?? description ?? ''}${standard}`;
}

function examples({ examples: given = [] }, name) {
  if (given.length === 0) return [];
  const lines = given.map((example) =>
    String(example)
      .replaceAll('<%= config.bin %>', 'syntropy')
      .replaceAll('<%= command.id %>', name),
  );
  return ['```', ...lines, '```', ''];
}

function globals(commands) {
  const all = Object.values(commands).flatMap(({ flags = {} }) => Object.values(flags));
  const byName = new Map(
    all.filter(({ helpGroup }) => helpGroup === 'GLOBAL').map((flag) => [flag.name, flag]),
  );
  return ['## Global flags\n', ...[...byName.values()].map(flagLine), ''].join('\n');
}
