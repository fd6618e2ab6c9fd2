import { argumentKinds, flagKinds, globalKinds, whereFlags } from './live-values.mjs';

/** plugin-autocomplete's function for bash, asked only where the daemon knows nothing. */
export function bashCompletion(base) {
  return `${withoutRegistration(base)}
_syntropy_live_kind()
{
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
${globalKinds.map(({ flag, kind }) => `    ${flag}) echo ${kind}; return ;;`).join('\n')}
  esac
  # The value of a flag, or the word right behind the command.
  case "\${COMP_WORDS[1]} \${COMP_WORDS[2]} \${COMP_WORDS[COMP_CWORD-1]}" in
${flagKinds.map(({ command, flag, kind }) => `    "${command} ${flag}") echo ${kind}; return ;;`).join('\n')}
  esac
  [ "$COMP_CWORD" -eq 3 ] || return
  case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${argumentKinds.map(({ command, kind }) => `    "${command}") echo ${kind} ;;`).join('\n')}
  esac
}

_syntropy_live()
{
  local cur="\${COMP_WORDS[COMP_CWORD]}" kind where=() i
  case "$cur" in
    -*) _syntropy_autocomplete; return ;;
  esac
  kind="$(_syntropy_live_kind)"
  if [ -z "$kind" ]; then
    case "\${COMP_WORDS[COMP_CWORD-1]}" in
      -*) COMPREPLY=() ;;
      *) _syntropy_autocomplete ;;
    esac
    return
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      ${whereFlags.join('|')}) where+=("\${COMP_WORDS[i]}" "\${COMP_WORDS[i+1]}") ;;
    esac
  done
  COMPREPLY=( $(compgen -W "$("\${COMP_WORDS[0]}" __complete "$kind" "\${where[@]}" 2>/dev/null)" -- "$cur") )
}

complete -o default -F _syntropy_live syntropy
`;
}

function withoutRegistration(base) {
  return base.replace(/^complete .*$/gm, '');
}
