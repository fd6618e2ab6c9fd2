import type { Logger } from 'pino';

import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

import type { CallContext } from '../dispatch.js';
import type { CallSpan, Tracing } from './tracing.js';

import { errorCodes } from '../../core/types/errors/codes.js';
import { parseTraceParent } from './tracing.js';

/** A collector that is slow costs spans, not memory. */
const MAX_QUEUED_SPANS = 2_048;
const MAX_BATCH = 512;
const DELAY_MS = 2_000;
const EXPORT_TIMEOUT_MS = 10_000;
/** A stopping daemon does not wait longer for its collector. */
const CLOSE_TIMEOUT_MS = 2_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** Traces over OTLP/HTTP. Address, headers and certificates of the collector are read from the environment by the exporter itself. */
export function openOtlpTracing(
  env: Environment,
  facts: { readonly daemonId: string; readonly version: string; readonly log: Logger },
): Tracing {
  const { daemonId, version, log } = facts;
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'syntropy',
      'service.version': version,
      'service.instance.id': daemonId,
    })
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(sdkOnly()),
    sampler: samplerOf(env),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: tellingTrouble(new OTLPTraceExporter(), log),
        maxQueueSize: MAX_QUEUED_SPANS,
        maxExportBatchSize: MAX_BATCH,
        scheduledDelayMillis: DELAY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  const tracer = provider.getTracer('syntropy', version);
  return {
    begin(operation, context): CallSpan {
      const span = tracer.startSpan(
        operation,
        {
          kind: SpanKind.SERVER,
          attributes: {
            'syntropy.operation': operation,
            'syntropy.request_id': context.requestId,
            'syntropy.caller': context.subject.via,
          },
        },
        parentOf(context),
      );
      return {
        end(code) {
          span.setAttribute('syntropy.code', code ?? 'OK');
          if (code !== undefined) span.setAttribute('error.type', code);
          // What the caller did wrong is no error of this server, by OpenTelemetry's own rule.
          if (code !== undefined && errorCodes[code].httpStatus >= 500) {
            span.setStatus({ code: SpanStatusCode.ERROR, message: code });
          }
          span.end();
        },
      };
    },
    close: () => closeWithin(provider, CLOSE_TIMEOUT_MS),
  };
}

/** The SDK's own name and version, without the name of a service that it would guess. */
function sdkOnly() {
  const sdk = Object.entries(defaultResource().attributes).filter(([name]) =>
    name.startsWith('telemetry.sdk.'),
  );
  return resourceFromAttributes(Object.fromEntries(sdk));
}

function parentOf({ traceParent }: CallContext) {
  const parent = parseTraceParent(traceParent);
  if (!parent) return ROOT_CONTEXT;
  const { traceId, spanId, flags } = parent;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: flags, isRemote: true });
}

/** The samplers that OpenTelemetry names; another name is its default, as the specification has it. */
function samplerOf(env: Environment): Sampler {
  const name = env['OTEL_TRACES_SAMPLER'] ?? 'parentbased_always_on';
  const root = rootSamplerOf(name.replace(/^parentbased_/, ''), env['OTEL_TRACES_SAMPLER_ARG']);
  if (!root) return new ParentBasedSampler({ root: new AlwaysOnSampler() });
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

function rootSamplerOf(name: string, argument = '1'): Sampler | undefined {
  if (name === 'always_on') return new AlwaysOnSampler();
  if (name === 'always_off') return new AlwaysOffSampler();
  const ratio = Number(argument);
  const isRatio = name === 'traceidratio' && ratio >= 0 && ratio <= 1;
  return isRatio ? new TraceIdRatioBasedSampler(ratio) : undefined;
}

/**
 * Says once that the collector does not take spans, and once that it does again. Never why: the reason may quote the address, and that
 * may hold a password.
 */
function tellingTrouble(exporter: SpanExporter, log: Logger): SpanExporter {
  let isFailing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const fails = result.error !== undefined;
        if (fails && !isFailing) log.warn('the collector of traces takes no spans');
        if (!fails && isFailing) log.info('the collector of traces takes spans again');
        isFailing = fails;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

async function closeWithin(provider: TracerProvider, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([provider.shutdown().catch(() => undefined), enough]);
  clearTimeout(timer);
}
