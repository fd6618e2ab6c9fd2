import type { AddressInfo } from 'node:net';

import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { openTracing } from '../../../src/daemon/observability/open-tracing.js';
import { type DaemonWorld, daemonWorld } from '../../support/daemon-world.js';
import { remoteWorld } from '../../support/remote-world.js';
import { waitFor } from '../../support/wait-for.js';
import { wsClient } from '../../support/ws-client.js';

interface Span {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly service: Readonly<Record<string, unknown>>;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<Span, 'attributes'> & {
        readonly attributes: readonly Attribute[];
      })[];
    }[];
  }[];
}

const valuesOf = (attributes: readonly Attribute[]) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));

/** A collector: takes spans over OTLP/HTTP while `status` is 200; 0 stands for no answer at all. */
async function collector() {
  const spans: Span[] = [];
  const received: { path: string | undefined; authorization: string | undefined }[] = [];
  const state = { status: 200 };
  const server = createServer((incoming, response) => {
    let text = '';
    incoming.setEncoding('utf8');
    incoming.on('data', (chunk: string) => (text += chunk));
    incoming.on('end', () => {
      received.push({ path: incoming.url, authorization: incoming.headers.authorization });
      if (state.status === 200) spans.push(...spansOf(text));
      if (state.status === 0) return;
      response.writeHead(state.status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP, whose address is one of these
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    received,
    state,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function spansOf(text: string): readonly Span[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it holds is what is tested
  const { resourceSpans } = JSON.parse(text) as Export;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map((span) => ({
        ...span,
        attributes: valuesOf(span.attributes),
        service: valuesOf(resource.attributes),
      })),
  );
}

/** Traces as a daemon opens them; the exporter reads the environment of the process by itself. */
async function tracingTo(env: Record<string, string>, lines: string[] = []) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const tracing = await openTracing(process.env, { daemonId: 'd-1', version: '9.9.9', log });
  if (!tracing) throw new Error('Traces were not opened.');
  return tracing;
}

const context = {
  subject: { id: 'a', name: 'a', roles: [], permissions: new Set<never>(), via: 'socket' },
  source: 'socket',
  requestId: 'r-1',
  signal: new AbortController().signal,
} as const;

const ask = ({ paths }: DaemonWorld, path: string, headers: Record<string, string>) =>
  new Promise<string>((resolve, reject) => {
    const options = {
      socketPath: paths.socketPath,
      path,
      headers: { host: 'syntropy', ...headers },
    };
    request(options, (response) => {
      response.resume();
      response.once('end', () => resolve(String(response.headers['x-request-id'])));
    })
      .on('error', reject)
      .end();
  });

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

// Goal: a call that was slow or failed is found in the traces of whoever made it, by the id that its answer carries.
describe('a call is a span', () => {
  it('of its caller’s trace, with its request id and what came of it', async () => {
    await using receiver = await collector();
    const tracing = await tracingTo({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    await using world = await daemonWorld({ tracing });

    const traceparent = `00-${TRACE}-${PARENT}-01`;
    const done = await ask(world, '/v1/nodes', { traceparent });
    const refused = await ask(world, '/v1/nodes/none', { traceparent });
    await world.database.pool.query('alter table nodes rename to hidden');
    const failed = await ask(world, '/v1/nodes/none', { traceparent: 'nonsense' });
    await tracing.close();

    const told = receiver.spans.map(
      ({ name, kind, traceId, parentSpanId, attributes, status }) => ({
        name,
        kind,
        trace: traceId === TRACE ? [traceId, parentSpanId] : 'its own',
        id: attributes['syntropy.request_id'],
        code: attributes['syntropy.code'],
        error: attributes['error.type'],
        status: status.code ?? 0,
      }),
    );
    const caller = [TRACE, PARENT];
    expect(told).toEqual([
      { name: 'nodes.list', kind: 2, trace: caller, id: done, code: 'OK', status: 0 },
      {
        name: 'nodes.get',
        kind: 2,
        trace: caller,
        id: refused,
        code: 'NODE_NOT_FOUND',
        error: 'NODE_NOT_FOUND',
        status: 0,
      },
      {
        name: 'nodes.get',
        kind: 2,
        trace: 'its own',
        id: failed,
        code: 'INTERNAL',
        error: 'INTERNAL',
        status: 2,
      },
    ]);
    expect(receiver.received.map(({ path }) => path)).toEqual(['/v1/traces']);
    expect(receiver.spans[0]?.service).toMatchObject({
      'service.name': 'syntropy',
      'service.version': '9.9.9',
      'service.instance.id': 'd-1',
    });
  });

  it('also over a WebSocket, whose frames say the trace', async () => {
    await using receiver = await collector();
    const tracing = await tracingTo({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    await using world = await remoteWorld({ tracing });
    const ana = await world.signedIn('ana');
    await using client = await wsClient(world, { token: ana.accessToken });

    await client.call('nodes.list', {}, { traceparent: `00-${TRACE}-${PARENT}-01` });
    await tracing.close();

    expect(receiver.spans.find(({ name }) => name === 'nodes.list')).toMatchObject({
      traceId: TRACE,
      parentSpanId: PARENT,
    });
  });

  it('that follows its caller in not being sampled', async () => {
    await using receiver = await collector();
    const tracing = await tracingTo({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });

    tracing.begin('nodes.list', { ...context, traceParent: `00-${TRACE}-${PARENT}-00` }).end();
    tracing.begin('nodes.get', context).end();
    await tracing.close();

    expect(receiver.spans.map(({ name }) => name)).toEqual(['nodes.get']);
  });

  it.each([
    ['always_off', '', 0],
    ['traceidratio', '0', 0],
    ['parentbased_traceidratio', '1', 1],
    ['traceidratio', 'nonsense', 1],
    ['nonsense', '', 1],
  ])('or none, by the sampler %s(%s)', async (sampler, argument, spans) => {
    await using receiver = await collector();
    const tracing = await tracingTo({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_TRACES_SAMPLER: sampler,
      OTEL_TRACES_SAMPLER_ARG: argument,
    });

    tracing.begin('nodes.list', context).end();
    await tracing.close();

    expect(receiver.spans).toHaveLength(spans);
  });

  it('under the name and with the credentials that the environment gives', async () => {
    await using receiver = await collector();
    const tracing = await tracingTo({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20canary-4711',
      OTEL_SERVICE_NAME: 'grid',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=attic',
    });

    tracing.begin('nodes.list', context).end();
    await tracing.close();

    expect(receiver.received[0]?.authorization).toBe('Bearer canary-4711');
    expect(receiver.spans[0]?.service).toMatchObject({
      'service.name': 'grid',
      'deployment.environment': 'attic',
    });
  });
});

// Goal: a collector is a convenience. Its absence costs spans, a line in the log, and nothing else.
describe('a collector that is not there', () => {
  it('is told of once, without the secret of its address, and does not hold up a stop', async () => {
    const lines: string[] = [];
    const tracing = await tracingTo(
      {
        // Discard: nobody listens.
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://user:canary-4711@127.0.0.1:9',
        OTEL_EXPORTER_OTLP_TIMEOUT: '500',
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20canary-4711',
      },
      lines,
    );
    for (let call = 0; call < 2_000; call += 1) tracing.begin('nodes.list', context).end();
    await waitFor('the trouble to be told', () => lines.length > 0);

    const from = performance.now();
    await tracing.close();

    expect(performance.now() - from).toBeLessThan(4_000);
    expect(lines).toHaveLength(1);
    expect(lines.join('')).toContain('takes no spans');
    expect(lines.join('')).not.toContain('canary');
  });

  it('does not hold up a stop when it takes spans and never answers', async () => {
    await using receiver = await collector();
    receiver.state.status = 0;
    const tracing = await tracingTo({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    tracing.begin('nodes.list', context).end();

    const from = performance.now();
    await tracing.close();

    expect(performance.now() - from).toBeLessThan(4_000);
    expect(receiver.received).toHaveLength(1);
  });
});
