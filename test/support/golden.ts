import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const GOLDEN = 'test/fixtures/golden';

/**
 * The text that is kept under a name. What scripts and people have learned to read changes only on purpose: UPDATE_GOLDEN=1 keeps
 * the `present` one instead, to be seen in the diff.
 */
export function golden(name: string, present: string): string {
  const file = path.join(GOLDEN, name);
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, present);
  }
  return readFileSync(file, 'utf8');
}
