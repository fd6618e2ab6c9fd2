const WITH_VALUE = ['--state-dir', '--context', '--as'];

/**
 * Puts global flags that were given before the command behind it: `syntropy --state-dir x node list` is what people type who know
 * other tools, and oclif looks for a command in the first word only. What follows `--` stays where it is.
 */
export function globalsLast(argv: readonly string[]): readonly string[] {
  let count = 0;
  for (let word = argv[0]; word !== undefined; word = argv[count]) {
    const [name] = word.split('=', 1);
    if (word === '--json' || (name !== word && WITH_VALUE.includes(name ?? ''))) count += 1;
    else if (WITH_VALUE.includes(word)) count += 2;
    else break;
  }
  const globals = argv.slice(0, count);
  const rest = argv.slice(count);
  const end = rest.indexOf('--');
  return end < 0 ? [...rest, ...globals] : [...rest.slice(0, end), ...globals, ...rest.slice(end)];
}
