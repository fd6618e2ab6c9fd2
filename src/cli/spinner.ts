/** Shows on a terminal that something is waited for; nothing in a pipe or under --json. */
export async function spinner<T>(text: string, json: boolean, work: () => Promise<T>): Promise<T> {
  if (json || !process.stderr.isTTY) return work();
  const { default: ora } = await import('ora');
  const waiting = ora({ text, stream: process.stderr, discardStdin: false }).start();
  try {
    return await work();
  } finally {
    waiting.stop();
  }
}
