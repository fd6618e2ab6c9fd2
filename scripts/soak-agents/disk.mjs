import { execFile } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Room for what an agent keeps, and for both files of its log. */
const SMALL = '4m';
const BLOCK = Buffer.alloc(4_096);
const BYTE = Buffer.from('\n');

/** Where an agent keeps what it has: a folder, or a file system of its own that is small enough to be filled. */
export async function openDisk(folder, isSmall) {
  await mkdir(folder, { mode: 0o700 });
  if (isSmall) await run('mount', ['-t', 'tmpfs', '-o', `size=${SMALL},mode=700`, 'tmpfs', folder]);
  const file = (name) => path.join(folder, name);
  const takeAll = (name, piece) => {
    for (;;) {
      try {
        appendFileSync(file(name), piece);
      } catch (error) {
        if (error.code === 'ENOSPC') return;
        throw error;
      }
    }
  };
  return {
    isSmall,
    file,
    /** Takes all room. @param open - a file that also loses what is left of its last page. */
    fill(open) {
      takeAll('filler', BLOCK);
      takeAll(open, BYTE);
    },
    makeRoom: () => rm(file('filler'), { force: true }),
    /** Also while somebody still reads a file of it: a fault that is under way when the run is interrupted. */
    async close() {
      if (isSmall) await run('umount', ['--lazy', folder]);
    },
  };
}
