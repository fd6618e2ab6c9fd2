import { once } from 'node:events';

/** Writes, and waits until whoever reads has kept up: nothing is piled up here. */
export async function written(
  stream: NodeJS.WritableStream,
  data: string | Uint8Array,
): Promise<void> {
  if (!stream.write(data)) await once(stream, 'drain');
}
