import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

/** A TLS connection on which a test writes whatever it likes. */
export async function rawConnection(port: number): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** Sends bytes and answers everything that comes back until the daemon closes. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const socket = await rawConnection(port);
  socket.write(bytes);
  return received(socket);
}

export async function received(socket: TLSSocket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  // Not `once`, which would take the daemon's hanging up for a failure of the test.
  if (!socket.closed) {
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
    });
  }
  return text;
}

/** Status lines of every answer on a connection. */
export function statuses(text: string): readonly number[] {
  return [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]));
}
