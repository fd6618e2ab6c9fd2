/** As systemd.service(5) reads a word of a command line: `%` and `$` mean something, and so do spaces outside of quotes. */
export function systemdWord(text: string): string {
  const escaped = text.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w./%$=-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll(/["\\]/g, '\\$&')}"`;
}
