/** Characters that JSON may leave as they are, but that a terminal obeys or that turn the direction of a line: controls, formats, separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The text between quotes, for an error message: what cannot be seen is written as an escape, so that it shows and does nothing. */
export function quoted(text: unknown): string {
  return JSON.stringify(text).replaceAll(UNSEEN, escaped);
}

function escaped(character: string): string {
  let units = '';
  for (let at = 0; at < character.length; at += 1) {
    units += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return units;
}
