/** C0 and C1 control characters and DEL, but for the line feed and the tab. */
// eslint-disable-next-line no-control-regex -- these are what it is about
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;

/**
 * Takes the control characters out of a text that came from elsewhere: a label of a stick or a description must not be able to
 * move the cursor, rename the window or hide a line of what a person is about to confirm.
 */
export function clean(text: string): string {
  return text.replaceAll(CONTROL, '');
}

/** The same for a cell of a table, which is one line. */
export function cleanLine(text: string): string {
  return clean(text).replaceAll(/\s+/g, ' ').trim();
}
