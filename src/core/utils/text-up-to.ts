/** The text of a stream; undefined as soon as it is longer than that, and the rest is not read. */
export async function textUpTo(
  stream: AsyncIterable<Uint8Array | string>,
  maxBytes: number,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk));
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) return undefined;
  }
  return Buffer.concat(chunks).toString();
}
