const HOME_AND_CLEAR = '\u001B[H\u001B[2J';

/** Shows a text in place of what was on the terminal before; in a pipe, after it. */
export function redraw(text: string): void {
  process.stdout.write(process.stdout.isTTY ? `${HOME_AND_CLEAR}${text}\n` : `${text}\n\n`);
}
