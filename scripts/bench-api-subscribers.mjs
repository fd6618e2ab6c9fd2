// A thousand WebSocket clients of `bench-api.mjs`, in a process of their own. Tells when all follow, and at the end how late events were.
import { once } from 'node:events';
import { WebSocket } from 'ws';

const [url, count] = process.argv.slice(2);
const token = process.env.BENCH_TOKEN;
const delaysMs = [];

for (let at = 0; at < Number(count); at += 50) {
  const batch = Math.min(50, Number(count) - at);
  await Promise.all(Array.from({ length: batch }, subscribe));
}
process.on('message', () => process.send({ delaysMs }, () => process.exit()));
process.send({ ready: true });

async function subscribe() {
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
  await once(socket, 'open');
  const subscribed = new Promise((resolve) => {
    socket.on('message', (data) => {
      const frame = JSON.parse(data);
      if (frame.subscribed) resolve();
      if (frame.item) delaysMs.push(Date.now() - frame.item.payload.sentAt);
    });
  });
  socket.send(
    JSON.stringify({ id: 's', subscribe: 'events.follow', input: { type: 'bench.ticked' } }),
  );
  await subscribed;
}
