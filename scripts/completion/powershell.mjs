import { argumentKinds, flagKinds, globalKinds } from './live-values.mjs';

/** plugin-autocomplete's script block for PowerShell, asked only where the daemon knows nothing. Not proven on Windows. */
export function powershellCompletion(base) {
  return `${base}
$syntropyLive = {
    param($WordToComplete, $CommandAst, $CursorPosition)
    $words = @($CommandAst.CommandElements | ForEach-Object { $_.ToString() })
    if ($WordToComplete -ne "") { $words = @($words | Select-Object -SkipLast 1) }
    $command = ($words | Select-Object -Skip 1 -First 2) -join " "
    $kind = switch ($words[-1]) {
${globalKinds.map(({ flag, kind }) => `        "${flag}" { "${kind}" }`).join('\n')}
    }
    if (-not $kind) { $kind = switch ("$command $($words[-1])") {
${flagKinds.map(({ command, flag, kind }) => `        "${command} ${flag}" { "${kind}" }`).join('\n')}
    } }
    if (-not $kind -and $words.Count -eq 3 -and -not $WordToComplete.StartsWith("-")) {
        $kind = switch ($command) {
${argumentKinds.map(({ command, kind }) => `            "${command}" { "${kind}" }`).join('\n')}
        }
    }
    if (-not $kind) { return & $scriptblock $WordToComplete $CommandAst $CursorPosition }
    & $words[0] __complete $kind | Where-Object { $_ -like "$WordToComplete*" } | ForEach-Object {
        [CompletionResult]::new($_, $_, "ParameterValue", $_)
    }
}
Register-ArgumentCompleter -Native -CommandName syntropy -ScriptBlock $syntropyLive
`;
}
