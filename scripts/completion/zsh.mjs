import { argumentKinds, flagKinds, globalKinds, whereFlags } from './live-values.mjs';

/** plugin-autocomplete's functions for zsh, asked only where the daemon knows nothing. */
export function zshCompletion(base) {
  return `${base.replace(/\n_syntropy\n$/, '\n')}
_syntropy_live() {
  local kind=
  case "$words[CURRENT-1]" in
${globalKinds.map(({ flag, kind }) => `    ${flag}) kind=${kind} ;;`).join('\n')}
  esac
  case "$words[2] $words[3] $words[CURRENT-1]" in
${flagKinds.map(({ command, flag, kind }) => `    "${command} ${flag}") kind=${kind} ;;`).join('\n')}
  esac
  if [[ -z $kind && $CURRENT -eq 4 && $words[CURRENT] != -* ]]; then
    case "$words[2] $words[3]" in
${argumentKinds.map(({ command, kind }) => `      "${command}") kind=${kind} ;;`).join('\n')}
    esac
  fi
  if [[ -z $kind ]]; then
    _syntropy "$@"
    return
  fi
  local -a where values
  local at flag
  for flag in ${whereFlags.join(' ')}; do
    at=\${words[(I)$flag]}
    (( at && at + 1 < CURRENT )) && where+=($flag "$words[at+1]")
  done
  values=("\${(@f)$($words[1] __complete $kind $where 2>/dev/null)}")
  compadd -- \${values:#}
}

# Read with \`source\`, or placed in fpath as _syntropy: then zsh calls this file as the function.
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _syntropy_live syntropy
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _syntropy_live "$@"; fi
`;
}
