import { once } from 'node:events';

/** Writes, and waits until whoever reads has kept up: nothing is piled up here. */
export async function written(
  stream: NodeJS.WritableStream,
  data: string | Uint8Array,
): Promise<void> {
  if (!stream.write(data)) await once(stream, 'drain');
}

/**
 * Resolves when all that was written to the outputs has left. A pipe takes what it has room for and the rest waits here, also where `write` has said that
 * there is room for more: a process that exits then takes the end of its output with it.
 */
export async function allWritten(): Promise<void> {
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) =>
        new Promise<void>((resolve) => {
          // Called after all before it; also where nobody reads any more.
          stream.write('', () => resolve());
        }),
    ),
  );
}
