import { argumentKinds, flagKinds, globalKinds, whereFlags } from './live-values.mjs';

/** plugin-autocomplete knows no fish, so this is made from the same commands. */
export function fishCompletion(config) {
  const commands = config.commands.filter(({ hidden }) => !hidden);
  const topics = config.topics.filter(({ name }) =>
    commands.some(({ id }) => id.startsWith(`${name}:`)),
  );
  return [
    HEADER,
    ...topics.map(({ name, description }) => word(name, description)),
    ...commands
      .filter(({ id }) => topics.every(({ name }) => name !== id))
      .map(({ id, summary }) => word(id, summary)),
    ...commands.flatMap((command) => flagsOf(command)),
    ...argumentKinds.map(
      ({ command, kind }) =>
        `complete -c syntropy -f -n '__syntropy_at "${command}"' -a '(__syntropy_live ${kind})'`,
    ),
    '',
  ].join('\n');
}

const HEADER = `complete -c syntropy -f

function __syntropy_words
    set -l words (commandline -opc)
    string match -v -- '-*' $words[2..-1]
end

function __syntropy_at --argument-names path
    set -l typed (string join ' ' -- (__syntropy_words))
    test "$typed" = "$path"
end

function __syntropy_in --argument-names path
    set -l typed (string join ' ' -- (__syntropy_words))
    string match -q -- "$path *" "$typed "
end

function __syntropy_live --argument-names kind
    set -l words (commandline -opc)
    set -l where
    for flag in ${whereFlags.join(' ')}
        if set -l at (contains -i -- $flag $words)
            and test (count $words) -gt $at
            set -a where $flag $words[(math $at + 1)]
        end
    end
    $words[1] __complete $kind $where 2>/dev/null
end
`;

function word(id, description) {
  const words = id.split(':');
  const name = words.pop();
  return `complete -c syntropy -f -n '__syntropy_at "${words.join(' ')}"' -a ${name} -d ${quoted(description)}`;
}

function flagsOf({ id, flags }) {
  const command = id.replaceAll(':', ' ');
  return Object.values(flags)
    .filter(({ hidden }) => !hidden)
    .map(({ name, char, type, options, summary, description }) => {
      const live = flagKinds.find(
        (entry) => entry.command === command && entry.flag === `--${name}`,
      );
      const everywhere = globalKinds.find((entry) => entry.flag === `--${name}`);
      const values =
        (live ?? everywhere)
          ? `(__syntropy_live ${(live ?? everywhere).kind})`
          : (options ?? []).join(' ');
      return [
        `complete -c syntropy -n '__syntropy_in "${command}"' -l ${name}`,
        ...(char ? [`-s ${char}`] : []),
        ...(type === 'option' ? [values ? `-x -a ${quoted(values)}` : '-r'] : []),
        `-d ${quoted(summary ?? description)}`,
      ].join(' ');
    });
}

function quoted(text = '') {
  const [line = ''] = text.split('\n');
  return `'${line.replaceAll(/['\\]/g, '\\$&')}'`;
}
